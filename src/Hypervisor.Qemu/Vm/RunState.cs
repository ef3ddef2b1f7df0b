using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>What a VM's vCPUs do, as the monitor's events tell it; and whether anything is wrong with the VM.</summary>
internal sealed class RunState
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<VmFailure> _trouble = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(VmCondition Phase, TaskCompletionSource Reached)> _waiters = [];
    private VmCondition _phase;
    private bool _ownResume;
    private volatile string? _guestEnd;

    public VmCondition Phase
    {
        get { lock (_gate) return _phase; }
    }

    /// <summary>Completes with the first thing that went wrong: the guest stopped, the monitor broke, the process ended.</summary>
    public Task<VmFailure> Trouble => _trouble.Task;

    /// <summary>What the guest did that ends its VM, such as "its guest's kernel panicked"; null: nothing.</summary>
    public string? GuestEnd => _guestEnd;

    /// <param name="status">What query-status says: "running", "paused", "shutdown", ...</param>
    /// <param name="saving">QEMU is writing the VM somewhere.</param>
    public void Initialize(string status, bool saving)
    {
        if (status is "shutdown" or "guest-panicked" or "internal-error")
            Fail(new VmFailure(VmFailureKind.GuestStopped, $"the guest is in state '{status}'"));
        Move(status switch
        {
            "running" => VmCondition.Running,
            "paused" or "prelaunch" => saving ? VmCondition.Saving : VmCondition.Paused,
            // Written, and not yet brought back to where it can be written again.
            "finish-migrate" or "postmigrate" or "save-vm" => VmCondition.Saving,
            _ => VmCondition.Ended,
        });
    }

    /// <summary>What was being saved no longer is.</summary>
    public void EndSaving()
    {
        if (Phase == VmCondition.Saving) Move(VmCondition.Paused);
    }

    /// <summary>The next RESUME is ours.</summary>
    public void ExpectResume()
    {
        lock (_gate) _ownResume = true;
    }

    /// <summary>It will not come.</summary>
    public void ForgetResume()
    {
        lock (_gate) _ownResume = false;
    }

    public VmEvent? Apply(QmpEvent happened)
    {
        switch (happened.Name)
        {
            case "STOP":
                // A guest that shut down or panicked is stopped too; that does not make it a paused one.
                if (Phase == VmCondition.Running) Move(VmCondition.Paused);
                return new VmEvent.Stopped();
            case "RESUME":
                Move(VmCondition.Running);
                return new VmEvent.Resumed(TakeOwnResume());
            case "SHUTDOWN":
                var shutdown = new VmEvent.Shutdown(happened.Text("reason") ?? "unknown", happened.Flag("guest"));
                // A kernel that panics without a driver for pvpanic is seen to reset, as it is told to by panic=-1.
                if (shutdown.ByGuest) _guestEnd ??= $"its guest went down ({shutdown.Reason})";
                Fail(new VmFailure(VmFailureKind.GuestStopped, $"the guest went down ({shutdown.Reason})"));
                Move(VmCondition.Ended);
                return shutdown;
            case "GUEST_PANICKED":
                _guestEnd ??= "its guest's kernel panicked";
                Fail(new VmFailure(VmFailureKind.GuestStopped, "the guest's kernel panicked"));
                Move(VmCondition.Ended);
                return new VmEvent.Panicked(happened.Text("action") ?? "unknown");
            default:
                return null;
        }
    }

    public void Fail(VmFailure failure) => _trouble.TrySetResult(failure);

    /// <summary>Completes once the phase is reached; armed when this returns.</summary>
    public Task Until(VmCondition phase)
    {
        lock (_gate)
        {
            if (_phase == phase) return Task.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((phase, reached));
            return reached.Task;
        }
    }

    private void Move(VmCondition phase)
    {
        lock (_gate)
        {
            _phase = phase;
            foreach (var waiter in _waiters)
                if (waiter.Phase == phase) waiter.Reached.TrySetResult();
            _waiters.RemoveAll(static waiter => waiter.Reached.Task.IsCompleted);
        }
    }

    private bool TakeOwnResume()
    {
        lock (_gate)
        {
            var own = _ownResume;
            _ownResume = false;
            return own;
        }
    }
}
