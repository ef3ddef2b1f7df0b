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
    /// <param name="limit">How long it may take: its VMs end soon afterwards also when the daemon is killed.</param>
    Task<Template> MakeAsync(VmSpec spec, TimeSpan limit, CancellationToken cancel);

    /// <summary>
    /// Takes one over from another host, checks it, and proves it as one that was made. A peer that breaks off is followed by another one, which
    /// goes on where it was. What was sent in vain is removed.
    /// </summary>
    /// <param name="notBefore">An older one is left.</param>
    /// <param name="limit">As in <see cref="MakeAsync"/>.</param>
    /// <returns>Null: nobody has it.</returns>
    /// <exception cref="VmFailedException">None of those who have it gave it, or it is of no use; says of each why.</exception>
    Task<TakenTemplate?> TakeAsync(
        VmSpec spec, ITemplatePeers peers, DateTimeOffset notBefore, TimeSpan limit, CancellationToken cancel);

    /// <summary>Starts a clone: paused, with sockets and a record of its own, and no way to write the template.</summary>
    /// <param name="priority">Until <see cref="IVm.RaisePriority"/>.</param>
    Task<IVm> CloneAsync(VmId id, VmSpec spec, Template template, VmPriority priority, CancellationToken cancel);

    /// <summary>Removes of what no pool of this daemon has asked for what <see cref="TemplateSweep"/> says, and what dead makers left.</summary>
    Task SweepAsync(TemplateLimits limits, CancellationToken cancel);
}

/// <summary>A template that came from another host, or that another pool of this one had taken meanwhile.</summary>
/// <param name="Told">How it came here, for a person: "taken from beta in 1.2 s, 34 MiB over the wire".</param>
public sealed record TakenTemplate(Template Template, string Told);
