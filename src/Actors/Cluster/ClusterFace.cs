using Akka.Actor;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>Where calls find the cluster, whose actor system comes and goes.</summary>
public sealed class ClusterFace
{
    private volatile IActorRef? _placement;
    private volatile string _problem = "";

    /// <summary>Why there is none; empty: it is about to be.</summary>
    public string Problem
    {
        get => _problem;
        set => _problem = value;
    }

    /// <summary>Null: the cluster's actor system is being made (anew).</summary>
    public IActorRef? Placement
    {
        get => _placement;
        internal set
        {
            _placement = value;
            if (value is not null) _problem = "";
        }
    }
}
