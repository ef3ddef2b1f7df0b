using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Makes one VM, or nothing at all: a step that fails takes everything before it away again.</summary>
internal sealed class VmStarter(QemuHypervisorOptions options, IHostClock clock)
{
    // QEMU is up after 40 ms where it is quick, and who looks seldom adds to that.
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    /// <summary>Boots a VM.</summary>
    public Task<QemuVm> BootAsync(VmId id, VmSpec spec, VmPriority priority, CancellationToken cancel) =>
        StartAsync(id, spec, new Origin(VmSource.Boot, null, null, priority), cancel);

    /// <summary>Boots a VM that ends by itself, also without the daemon.</summary>
    /// <param name="lifetime">From the start of its processes.</param>
    public Task<QemuVm> BootForAsync(VmId id, VmSpec spec, TimeSpan lifetime, CancellationToken cancel) =>
        StartAsync(id, spec, new Origin(VmSource.Boot, null, null, VmPriority.Normal) { Lifetime = lifetime }, cancel);

    /// <summary>The same with its guest's memory in a file that is kept, in the background.</summary>
    public Task<QemuVm> BootInAsync(VmId id, VmSpec spec, MemoryFile memory, TimeSpan lifetime, CancellationToken cancel) =>
        StartAsync(id, spec, new Origin(VmSource.Template, memory, null, VmPriority.Background) { Lifetime = lifetime }, cancel);

    /// <summary>Starts a clone, which is paused then.</summary>
    public Task<QemuVm> CloneAsync(VmId id, VmSpec spec, MemoryFile memory, MemoryFile state, VmPriority priority, CancellationToken cancel) =>
        StartAsync(id, spec, new Origin(VmSource.Clone, memory, state, priority), cancel);

    /// <summary>The same in the background, of one that ends by itself, also without the daemon.</summary>
    public Task<QemuVm> CloneForAsync(VmId id, VmSpec spec, MemoryFile memory, MemoryFile state, TimeSpan lifetime, CancellationToken cancel) =>
        StartAsync(id, spec, new Origin(VmSource.Clone, memory, state, VmPriority.Background) { Lifetime = lifetime }, cancel);

    private async Task<QemuVm> StartAsync(VmId id, VmSpec spec, Origin origin, CancellationToken cancel)
    {
        if (origin.Lifetime is not null) spec = WithoutProxy(spec);
        if (QemuPaths.Fault(options.RunDirectory, options.ClientDirectory) is { } fault)
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, fault, "choose another directory"));
        var paths = QemuPaths.For(options.RunDirectory, options.ClientDirectory, id, spec.Kata is not null);
        if (Path.Exists(paths.Directory) || Path.Exists(paths.ClientDirectory))
            throw new VmFailedException(new VmFailure(VmFailureKind.Internal, $"there are files of a VM {id} already"));
        // Everything up to the monitor is system calls of microseconds and a fork: not for the caller's thread.
        return await Task.Run(() => StartAsync(id, spec, origin, paths, cancel), cancel).ConfigureAwait(false);
    }

    private async Task<QemuVm> StartAsync(VmId id, VmSpec spec, Origin origin, VmPaths paths, CancellationToken cancel)
    {
        if (DescriptorRoom.Problem() is { } problem) throw new VmFailedException(problem);
        SafeFileHandle? vsock = null;
        uint? user = null;
        if (spec.HasVsock)
        {
            (vsock, var contextId) = VsockContext.Choose();
            paths = paths with { Agent = VsockAddress.Of(contextId) };
        }

        if (spec.Kata is { ProxyPath.Length: > 0 }) paths = paths with { Agent = QemuPaths.Proxy(paths) };
        StateFile? state = null;
        QemuProcess? process = null;
        SupervisorMonitor? monitor = null;
        List<Companion> companions = [];
        var joining = Task.CompletedTask;
        try
        {
            VmDirectories.Create(paths);
            var mark = new VmMark(VmOwnership.Making, HandOutPath.None, Served.Unknown, clock.Now);
            state = OnHost($"cannot write {QemuPaths.State(paths)}", () => StateFile.Create(QemuPaths.State(paths), mark));
            if (spec.Kata is { Share: SharedFileSystem.VirtioFs } shape) companions.Add(Serve(shape, paths, origin.Lifetime));
            if (spec.Kata is null) user = options.Users?.Take();
            var isWrapper = ProgramKind.IsScript(spec.Qemu);
            process = Launch(spec, isWrapper, origin, paths, id, vsock, user);
            var facts = new VmFacts(id, spec, paths, process.Identity, origin.Source == VmSource.Clone ? MadeBy.Clone : MadeBy.Boot)
            {
                FileServerPid = companions.FirstOrDefault()?.Pid ?? 0,
                User = user,
            };
            Record(facts);
            // Beside QEMU's start, which it does not delay. A guard is not its VM, and a wrapper may go to a group of its own before.
            var atOnce = origin.Lifetime is null && !isWrapper;
            if (atOnce) joining = JoinGroupAsync(facts);
            monitor = await ConnectAsync(facts, process, cancel).ConfigureAwait(false);
            if (origin.Lifetime is not null)
            {
                process = await GuardedAsync(facts, process).ConfigureAwait(false);
                facts = facts with { Process = process.Identity };
                Record(facts);
            }

            if (!atOnce) joining = JoinGroupAsync(facts);
            await joining.ConfigureAwait(false);
            CheckUser(facts);
            if (spec.Kata is not null && origin.Lifetime is null)
            {
                OnHost($"cannot write {QemuPaths.ClientPidFile(paths)}", () =>
                {
                    ClientPidFile.Write(paths, facts.Process.Pid);
                    return true;
                });
            }

            if (origin.State is { } saved) await StateLoader.LoadAsync(monitor, process, saved, QemuPaths.Log(paths), cancel).ConfigureAwait(false);
            if (spec.Kata is { ProxyPath.Length: > 0 } proxied)
            {
                companions.Add(KataProxy.Start(proxied, paths, id, origin.Lifetime, options.Users));
                await KataProxy.ListensAsync(companions[^1], proxied, paths, options, cancel).ConfigureAwait(false);
                facts = facts with { ProxyPid = companions[^1].Pid };
                Record(facts);
            }

            var records = new VmRecords(facts, new VmSize(spec.Cpus, spec.MemoryMiB), state, mark, lease: null);
            return await QemuVm.OpenAsync(facts, options, process, monitor, records, new Companions(paths, companions), cancel).ConfigureAwait(false);
        }
        catch (Exception cause)
        {
            vsock?.Dispose();
            await joining.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var all = new Companions(paths, companions);
            var refused = cause is VmFailedException ? await all.WhyRefusedAsync().ConfigureAwait(false) : null;
            var left = await UndoAsync(id, paths, state, process, monitor, all).ConfigureAwait(false);
            if (left is null) options.Users?.Return(user);
            if (refused is null && left is null && cause is VmFailedException) throw;
            throw new VmFailedException(refused ?? FailureOf("the VM cannot be started", cause), cause) { Left = left };
        }
    }

    /// <summary>Nobody but the daemon speaks with its agent, on one connection: what is proved of it depends on no kata-proxy.</summary>
    private static VmSpec WithoutProxy(VmSpec spec) => spec.Kata is { ProxyPath.Length: > 0 } shape
        ? spec with { Agent = AgentProtocol.Yamux, Kata = shape with { ProxyPath = "" } } : spec;

    private static VmFailure FailureOf(string what, Exception cause) => cause switch
    {
        VmFailedException failed => failed.Failure,
        OperationCanceledException => new VmFailure(VmFailureKind.Cancelled, "the start of the VM was given up"),
        IOException or UnauthorizedAccessException or OutOfMemoryException => HostFailures.From(what, cause),
        _ => new VmFailure(VmFailureKind.Internal, $"{what}: {cause.GetType().Name}: {cause.Message}"),
    };

    private QemuProcess Launch(VmSpec spec, bool isWrapper, Origin origin, VmPaths paths, VmId id, SafeFileHandle? vsock, uint? user)
    {
        try
        {
            using var files = OpenFiles.Open(spec, paths, origin.Source, origin.Memory, vsock);
            var start = new ProgramStart(spec.Qemu, QemuCommandLine.Build(spec, paths, id, origin.Source), QemuPaths.Log(paths))
            {
                Files = files.Descriptors, SmallPages = origin.Source == VmSource.Clone, Priority = origin.Priority,
                RunAs = user is { } own ? options.Users!.Before(own, spec.Accelerator) : spec.Kata is { } shape && options.Users is { } users ? users.Before(shape) : [],
                IsWrapper = isWrapper && options.Users is not null,
                Confinement = user is null ? null : options.Users!.Confinement,
            };
            return origin.Lifetime is { } lifetime ? QemuProcess.StartGuarded(start, lifetime) : QemuProcess.Start(start);
        }
        catch (IOException fault)
        {
            throw new VmFailedException(HostFailures.OfStart("QEMU cannot be started", fault, "set the pool's qemu to an executable qemu-system-x86_64"), fault);
        }
    }

    /// <summary>A QEMU of Kata's shape writes its pid itself.</summary>
    private static void Record(VmFacts facts) => OnHost($"cannot write {QemuPaths.Record(facts.Paths)}", () =>
    {
        VmRecordFile.Write(facts, new VmSize(facts.Spec.Cpus, facts.Spec.MemoryMiB));
        if (facts.Spec.Kata is null) PidFile.Write(facts);
        return true;
    });

    private Task JoinGroupAsync(VmFacts facts) => options.ControlGroups is not { } groups ? Task.CompletedTask
        : Task.Run(() => OnHost("the VM cannot be given a control group", () =>
        {
            var bounds = VmBounds.Of(facts.Spec, new VmSize(facts.Spec.Cpus, facts.Spec.MemoryMiB), ownPlugs: facts.Spec.Kata is not null);
            groups.Make(facts.Id, bounds).Join(facts.Process.Pid);
            return true;
        }));

    /// <summary>A wrapper decides how its QEMU runs.</summary>
    private void CheckUser(VmFacts facts)
    {
        if (options.Users is null || OnHost("QEMU's user cannot be read", () => ProcFs.RightsOf(facts.Process.Pid)) is not var (user, cut)) return;
        if (user == (facts.User ?? Trust.Us) && cut) return;
        throw new VmFailedException(new VmFailure(VmFailureKind.Configuration,
            $"{facts.Spec.Qemu} runs QEMU as user {user}{(cut ? "" : " with all rights")}, and this VM's is {facts.User ?? Trust.Us} without",
            $"let it begin QEMU's command with ${ProgramStart.RunAsVariable}: exec ${ProgramStart.RunAsVariable} qemu-system-x86_64 \"$@\"; or set vm-users = off"));
    }

    /// <summary>What was started is the guard; QEMU's monitor has greeted.</summary>
    private static async Task<QemuProcess> GuardedAsync(VmFacts facts, QemuProcess guard)
    {
        if (OnHost("QEMU cannot be held", () => guard.Guarded(facts.Id)) is { } found) return found;
        if (await guard.HasExitedWithinAsync(Soon, CancellationToken.None).ConfigureAwait(false)) throw NotStarted(facts, await guard.Exited.ConfigureAwait(false));
        throw new VmFailedException(new VmFailure(VmFailureKind.Start, "the pool's qemu answers and runs as no process of its own",
            "check that the pool's qemu is a QEMU that stays in the foreground"));
    }

    private static Companion Serve(KataShape shape, VmPaths paths, TimeSpan? lifetime)
    {
        try
        {
            return VirtioFsServer.Start(shape, paths, lifetime);
        }
        catch (IOException fault)
        {
            throw new VmFailedException(
                HostFailures.OfStart("virtiofsd cannot be started", fault, "set virtio_fs_daemon to an executable virtiofsd, or shared_fs to \"none\""), fault);
        }
    }

    /// <summary>QEMU greets when it has come up, a tenth of a second after its start. A VM of Kata's shape has no socket before.</summary>
    private async Task<SupervisorMonitor> ConnectAsync(VmFacts facts, QemuProcess process, CancellationToken cancel)
    {
        var begun = Stopwatch.StartNew();
        string? last = null;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(options.StartDeadline);
        try
        {
            for (var pause = FirstPause; ; pause = begun.Elapsed < Soon ? FirstPause : pause * 2 < LongestPause ? pause * 2 : LongestPause)
            {
                if (process.Exited.IsCompleted) throw NotStarted(facts, await process.Exited.ConfigureAwait(false));
                try
                {
                    if (File.Exists(facts.Paths.Supervisor))
                    {
                        last ??= "it is silent";
                        if (await GreetedAsync(facts, process, deadline.Token).ConfigureAwait(false) is { } monitor) return monitor;
                        continue;
                    }
                }
                catch (VmFailedException fault) when (fault.InnerException is QmpDisconnectedException)
                {
                    // Bound and not yet listening, or QEMU is just ending: the next round tells.
                    last = fault.Failure.Message;
                }
                await Task.WhenAny(process.Exited, Task.Delay(pause, deadline.Token)).ConfigureAwait(false);
                deadline.Token.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException cause)
        {
            throw new VmFailedException(
                new VmFailure(VmFailureKind.Start, $"QEMU's monitor did not greet within {begun.Elapsed.TotalSeconds:0} s of its start: {last ?? "its socket has not appeared"}",
                    "check that the pool's qemu is a QEMU, and see whether the host is overloaded"), cause);
        }
    }

    /// <summary>Null: QEMU has ended. What it started may hold its socket open, on which nobody answers.</summary>
    private async Task<SupervisorMonitor?> GreetedAsync(VmFacts facts, QemuProcess process, CancellationToken cancel)
    {
        using var given = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var greeting = SupervisorMonitor.ConnectAsync(facts.Paths.Supervisor, options.CommandDeadline, given.Token, Timeout.InfiniteTimeSpan);
        if (await Task.WhenAny(greeting, process.Exited).ConfigureAwait(false) == greeting) return await greeting.ConfigureAwait(false);
        await given.CancelAsync().ConfigureAwait(false);
        await ((Task)greeting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (greeting.IsCompletedSuccessfully) await (await greeting.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        return null;
    }

    private static VmFailedException NotStarted(VmFacts facts, string how) =>
        new(QemuMessages.NotStarted(facts.Spec.Qemu, how, LogTail.Read(QemuPaths.Log(facts.Paths))));

    /// <returns>Why something is left; null: nothing is.</returns>
    private async Task<VmFailure?> UndoAsync(VmId id, VmPaths paths, StateFile? state, QemuProcess? process, SupervisorMonitor? monitor, Companions companions)
    {
        try
        {
            if (monitor is not null) await monitor.DisposeAsync().ConfigureAwait(false);
            if (process is not null) await process.EndAsync(TimeSpan.Zero, options.KillDeadline, CancellationToken.None).ConfigureAwait(false);
            await companions.EndAsync(options.KillDeadline).ConfigureAwait(false);
            options.ControlGroups?.Find(id)?.Remove();
            await VmDirectories.RemoveAsync(paths, options.RemoveDeadline).ConfigureAwait(false);
            return null;
        }
        catch (Exception left)
        {
            // Whatever it is: who hears of the failure is to hear that something is left, too.
            return FailureOf("what was started cannot be undone", left);
        }
        finally
        {
            process?.Dispose();
            companions.Dispose();
            state?.Dispose();
        }
    }

    private sealed record Origin(VmSource Source, MemoryFile? Memory, MemoryFile? State, VmPriority Priority)
    {
        /// <summary>After which its processes end by themselves; null: never.</summary>
        public TimeSpan? Lifetime { get; init; }
    }

    private static T OnHost<T>(string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From(what, fault), fault);
        }
    }
}
