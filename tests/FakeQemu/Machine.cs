using System.Text.Json;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>The VM that is not there: its run state, its events, and whether its guest is up.</summary>
internal sealed class Machine(CommandLine line, Directives directives)
{
    private readonly Lock _gate = new();
    private readonly List<Action<string, Action<Utf8JsonWriter>?>> _listeners = [];
    private readonly TaskCompletionSource<int> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _booted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _running = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Vcpu _vcpu = new();
    private bool _started;

    /// <summary>As query-status names it.</summary>
    public string Status { get; private set; } = "prelaunch";

    public bool IsRunning => Status == "running";

    public bool StayAfterShutdown { get; set; } = line.StayAfterShutdown;

    /// <summary>Completes with the exit status.</summary>
    public Task<int> Exit => _exit.Task;

    /// <summary>Each event goes to all listeners, in order.</summary>
    public void Listen(Action<string, Action<Utf8JsonWriter>?> listener)
    {
        lock (_gate) _listeners.Add(listener);
    }

    public void Start()
    {
        if (directives.ExitAfter is { } end) _ = AfterAsync(end.Delay, () => Crash(end.Status));
        if (!line.StartPaused) Continue();
    }

    /// <summary>False when the guest is down and the machine would have to be reset first.</summary>
    public bool Continue()
    {
        lock (_gate)
        {
            if (IsRunning) return true;
            if (Status == "shutdown") return false;
            Status = "running";
            Emit("RESUME");
            _vcpu.Run();
            _running.TrySetResult();
            if (_started) return true;
            _started = true;
            _ = AfterAsync(directives.BootDelay, () => _booted.TrySetResult());
            if (directives.PanicAfter is { } delay) _ = PanicAsync(delay);
            return true;
        }
    }

    public void Pause() => Halt("paused");

    /// <summary>A stopped machine that was written somewhere is in a state from which it is not written again.</summary>
    /// <returns>False when it is in that state already.</returns>
    public bool Migrate()
    {
        lock (_gate)
        {
            if (Status == "postmigrate") return false;
            Halt("postmigrate");
            Status = "postmigrate";
            Migrated = true;
            return true;
        }
    }

    public bool Migrated { get; private set; }

    /// <summary>Its agent has opened its port.</summary>
    public bool HasBooted => _booted.Task.IsCompleted;

    /// <summary>Completes once the guest has booted and the vCPUs run.</summary>
    public async Task UpAsync(CancellationToken cancel)
    {
        await _booted.Task.WaitAsync(cancel);
        await RunningAsync(cancel);
    }

    private async Task RunningAsync(CancellationToken cancel)
    {
        while (true)
        {
            Task running;
            lock (_gate)
            {
                if (IsRunning) return;
                running = _running.Task;
            }
            await running.WaitAsync(cancel);
        }
    }

    /// <summary>Ends as QEMU does in good order: an event, then the process.</summary>
    public void Quit(string reason)
    {
        lock (_gate)
        {
            EmitShutdown(byGuest: false, reason);
            _exit.TrySetResult(0);
        }
    }

    /// <summary>Ends without a word.</summary>
    public void Crash(int status) => Environment.Exit(status);

    public void PowerDown()
    {
        Emit("POWERDOWN");
        GuestWentDown("guest-shutdown");
    }

    private async Task PanicAsync(TimeSpan delay)
    {
        await Task.Delay(delay);
        await RunningAsync(CancellationToken.None);
        Emit("GUEST_PANICKED", w => w.WriteString("action", "run"));
        GuestWentDown("guest-reset");
    }

    private void GuestWentDown(string reason)
    {
        lock (_gate)
        {
            // A guest that is stopped does nothing.
            if (!IsRunning) return;
            EmitShutdown(byGuest: true, reason);
            if (StayAfterShutdown) Halt("shutdown");
            else _exit.TrySetResult(0);
        }
    }

    private void Halt(string status)
    {
        lock (_gate)
        {
            if (!IsRunning) return;
            Status = status;
            _vcpu.Stop();
            _running = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Emit("STOP");
        }
    }

    private void EmitShutdown(bool byGuest, string reason) => Emit("SHUTDOWN", w =>
    {
        w.WriteBoolean("guest", byGuest);
        w.WriteString("reason", reason);
    });

    private void Emit(string name, Action<Utf8JsonWriter>? data = null)
    {
        lock (_gate)
        {
            foreach (var listener in _listeners) listener(name, data);
        }
    }

    private static async Task AfterAsync(TimeSpan delay, Action action)
    {
        await Task.Delay(delay);
        action();
    }
}
