using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Vms;

/// <summary>Whose turn it is, of a host's VMs that do not answer, to be ended for it: one at a time. When all are silent at once it is the host
/// that is slow, and those whose turn has not come may still answer.</summary>
public sealed class SilentEnds
{
    private readonly Lock _gate = new();
    private VmId? _ending;

    /// <summary>True: it is this one's turn, until <see cref="Release"/>.</summary>
    public bool TryTake(VmId id)
    {
        lock (_gate)
        {
            if (_ending is { } other && other != id) return false;
            _ending = id;
            return true;
        }
    }

    /// <summary>Of one whose turn it is not, it does nothing.</summary>
    public void Release(VmId id)
    {
        lock (_gate)
            if (_ending == id) _ending = null;
    }
}
