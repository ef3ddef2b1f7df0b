using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>A VM as its actor knows it. Only that actor and its parts, on its thread, read and change it.</summary>
internal sealed class VmState
{
    private MarkWriter? _marks;

    public VmState(VmPlan plan, VmPorts ports)
    {
        (Plan, Ports) = (plan, ports);
        Facts = plan.Found?.Facts;
        if (plan.Template is not null) Life = VmLife.NewClone;
        if (plan.Found is not { HeldBy: { } record } found) return;
        Lease = new HeldLease(record);
        Lease.Restore(found.Mark!.Expires, ports);
    }

    public VmPlan Plan { get; }

    public VmPorts Ports { get; }

    public VmLife Life { get; set; } = VmLife.New;

    public VmFacts? Facts { get; private set; }

    /// <summary>Null until it is made or taken over.</summary>
    public IVm? Vm { get; private set; }

    /// <summary>The agent's channel, while it is ours and open.</summary>
    public IGuest? Guest { get; set; }

    /// <summary>Of a VM held by vmcache.v1, from its reservation on.</summary>
    public HeldLease? Lease { get; set; }

    /// <summary>What its guest had used when it was paused.</summary>
    public TimeSpan GuestCpu { get; set; }

    /// <summary>While it is handed out and unconfirmed: when its grace period ends.</summary>
    public DateTimeOffset? ConfirmBefore { get; set; }

    /// <summary>When it was handed out, while it is; known no better than its state file says when an earlier daemon did it.</summary>
    public HostTime? HeldSince { get; set; }

    /// <summary>When QEMU last answered (a timestamp).</summary>
    public long AnsweredAt { get; set; }

    /// <summary>Ends when everything that was decided so far is on record, or could not be.</summary>
    public Task Recorded => _marks?.Last ?? Task.CompletedTask;

    public void Hold(IVm vm)
    {
        Vm = vm;
        _marks = new MarkWriter(vm);
        Facts = vm.Facts;
        AnsweredAt = Ports.Time.GetTimestamp();
    }

    /// <param name="first">What is to be on disk before.</param>
    public Task RecordAsync(VmOwnership ownership, Task? first = null)
        => _marks!.WriteAsync(new VmMark(ownership, Life.Path, Life.Served, Ports.Clock.Now, Lease?.Expires, GuestCpu), first);

    public VmRefused Refused(RefusalKind kind, string reason) => new(Plan.Id, kind, reason);

    public VmChanged Change() => new(Plan.Id, Life, Plan.Spec, Facts, ConfirmBefore, Lease?.Record, Lease?.ExpiresAt, Vm?.Size ?? Plan.Found?.Size)
    {
        HeldAt = Life.Held && HeldSince is { } since ? Ports.Time.GetUtcNow() - (Ports.Clock.Now.SinceBoot - since.SinceBoot) : null,
    };
}
