namespace VmCacheCluster.Domain.Ports;

/// <summary>
/// The templates of a host, kept so that they outlive the daemon. Failures are <see cref="VmFailedException"/>; after one no
/// process, directory or half-written template is left.
/// </summary>
public interface ITemplates
{
    /// <summary>
    /// The youngest stored template for such VMs, read and checked; null when there is none. One that must not be loaded (damaged,
    /// somebody else's) is removed if it is ours, and is a failure that says why.
    /// </summary>
    Task<Template?> FindAsync(VmSpec spec, CancellationToken cancel);

    /// <summary>
    /// Makes one: boots a VM, saves it once its agent has settled, and proves it by a clone whose agent answers. Only then does it
    /// replace an older one. A maker of the same template in another process is a failure of kind <see cref="VmFailureKind.Host"/>.
    /// </summary>
    Task<Template> MakeAsync(VmSpec spec, CancellationToken cancel);

    /// <summary>Starts a clone: paused, with sockets and a record of its own, and no way to write the template.</summary>
    /// <param name="priority">Until <see cref="IVm.RaisePriority"/>.</param>
    Task<IVm> CloneAsync(VmId id, VmSpec spec, Template template, VmPriority priority, CancellationToken cancel);

    /// <summary>Removes of what no pool of this daemon has asked for what <see cref="TemplateSweep"/> says, and what dead makers left.</summary>
    Task SweepAsync(TemplateLimits limits, CancellationToken cancel);
}
