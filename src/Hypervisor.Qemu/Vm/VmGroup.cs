using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.ControlGroups;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Lets a VM have more of its host before it needs it.</summary>
/// <param name="group">Null: it has none.</param>
internal sealed class VmGroup(VmFacts facts, ControlGroup? group)
{
    private readonly Lock _gate = new();
    private bool _ownPlugs = facts.Spec.Kata is not null;

    /// <summary>vCPUs or memory are about to be plugged, or were not.</summary>
    /// <exception cref="VmFailedException">The kernel does not let it.</exception>
    public void Fit(VmSize size)
    {
        if (group is null) return;
        lock (_gate) Set(size);
    }

    /// <summary>A client of Kata's plugs memory by QEMU's monitor, and tells nobody.</summary>
    /// <exception cref="VmFailedException">The kernel does not let it.</exception>
    public void Marked(VmMark mark, VmSize size)
    {
        if (group is null || mark is not { HandedOut: true, Path: HandOutPath.Kata }) return;
        lock (_gate)
        {
            if (_ownPlugs) return;
            _ownPlugs = true;
            Set(size);
        }
    }

    public string? WhyEnded() => group?.WhyEnded();

    public void Remove() => group?.Remove();

    private void Set(VmSize size)
    {
        try
        {
            group!.Set(VmBounds.Of(facts.Spec, size, _ownPlugs));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From($"the control group of VM {facts.Id} cannot be changed", fault), fault);
        }
    }
}
