using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>How a pool is to be, now. It outlives a restart of the pool's actor, and is used by that alone.</summary>
public sealed class PoolSettings(PoolOptions options)
{
    public const string MakesOthers = "its pool makes other VMs now";

    public const string OtherAccelerator = "it was made with another accelerator";

    private AcceleratorVerdict? _accelerator;
    private VmSpec? _spec;

    public PoolName Name { get; } = options.Name;

    public PoolOptions Options { get; private set; } = options;

    /// <summary>Null: it is not known yet what its guests run under.</summary>
    public AcceleratorVerdict? Accelerator
    {
        get => _accelerator;
        set => (_accelerator, _spec) = (value, null);
    }

    /// <summary>Of the VMs that are made now.</summary>
    public VmSpec Spec => _spec ??= Options.Spec with { Accelerator = _accelerator!.Accelerator };

    /// <summary>Null: its VMs are of the shape that is wanted, or were never of another one.</summary>
    public Rollout? Rollout { get; set; }

    /// <summary>Why VMs of a shape that was wanted are not made; null: all is as wanted.</summary>
    public string? Undone { get; set; }

    /// <summary>The VMs that it had when its actor failed: whose record cannot be read is known by that alone.</summary>
    internal IReadOnlySet<VmId> Had { get; set; } = new HashSet<VmId>();

    public void Change(PoolOptions options) => (Options, _spec) = (options, null);

    internal string WhyRetired(Member member)
        => member.TooOld ? "it reached max-age"
            : IsCurrent(member) ? "more were warm than wanted"
            : member.Spec with { Accelerator = Spec.Accelerator } == Spec ? OtherAccelerator : MakesOthers;

    /// <summary>It is as VMs are made now.</summary>
    internal bool IsCurrent(Member member) => _accelerator is not null && !member.TooOld && member.Spec == Spec;
}
