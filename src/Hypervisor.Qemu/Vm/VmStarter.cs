using System.Diagnostics;
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

    /// <summary>Boots a VM whose guest's memory is a file that is kept, in the background.</summary>
    public Task<QemuVm> BootInAsync(VmId id, VmSpec spec, MemoryFile memory, CancellationToken cancel) =>
        StartAsync(id, spec, new Origin(VmSource.Template, memory, null, VmPriority.Background), cancel);

    /// <summary>Starts a clone, which is paused then.</summary>
    public Task<QemuVm> CloneAsync(VmId id, VmSpec spec, MemoryFile memory, MemoryFile state, VmPriority priority, CancellationToken cancel) =>
        StartAsync(id, spec, new Origin(VmSource.Clone, memory, state, priority), cancel);

    private async Task<QemuVm> StartAsync(VmId id, VmSpec spec, Origin origin, CancellationToken cancel)
    {
        if (QemuPaths.Fault(options.RunDirectory, options.ClientDirectory) is { } fault)
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, fault, "choose another directory"));
        var paths = QemuPaths.For(options.RunDirectory, options.ClientDirectory, id, spec.Kata is not null);
        if (spec.Kata is { Transport: AgentTransport.Vsock }) paths = paths with { Agent = VsockAddress.Of(VsockContext.Choose()) };
        if (Path.Exists(paths.Directory) || Path.Exists(paths.ClientDirectory))
            throw new VmFailedException(new VmFailure(VmFailureKind.Internal, $"there are files of a VM {id} already"));
        if (spec.Kata is { ProxyPath.Length: > 0 }) paths = paths with { Agent = QemuPaths.Proxy(paths) };
        // Everything up to the monitor is system calls of microseconds and a fork: not for the caller's thread.
        return await Task.Run(() => StartAsync(id, spec, origin, paths, cancel), cancel).ConfigureAwait(false);
    }

    private async Task<QemuVm> StartAsync(VmId id, VmSpec spec, Origin origin, VmPaths paths, CancellationToken cancel)
    {
        if (DescriptorRoom.Problem() is { } problem) throw new VmFailedException(problem);
        StateFile? state = null;
        QemuProcess? process = null;
        SupervisorMonitor? monitor = null;
        List<Companion> companions = [];
        try
        {
            VmDirectories.Create(paths);
            state = OnHost($"cannot write {QemuPaths.State(paths)}", () => StateFile.Create(
                QemuPaths.State(paths), new VmMark(VmOwnership.Making, HandOutPath.None, Served.Unknown, clock.Now)));
            if (spec.Kata is { Share: SharedFileSystem.VirtioFs } shape) companions.Add(Serve(shape, paths));
            process = Launch(spec, origin, paths, id);
            var facts = new VmFacts(id, spec, paths, process.Identity, origin.Source == VmSource.Clone ? MadeBy.Clone : MadeBy.Boot)
            {
                FileServerPid = companions.FirstOrDefault()?.Pid ?? 0,
            };
            Record(facts);
            monitor = await ConnectAsync(facts, process, cancel).ConfigureAwait(false);
            if (origin.State is { } saved) await StateLoader.LoadAsync(monitor, process, saved, QemuPaths.Log(paths), cancel).ConfigureAwait(false);
            if (spec.Kata is { ProxyPath.Length: > 0 } proxied)
            {
                companions.Add(await KataProxy.StartAsync(proxied, paths, id, options, cancel).ConfigureAwait(false));
                facts = facts with { ProxyPid = companions[^1].Pid };
                Record(facts);
            }

            return await QemuVm.OpenAsync(facts, options, process, monitor, state, new Companions(paths, companions), cancel).ConfigureAwait(false);
        }
        catch (Exception cause)
        {
            await UndoAsync(paths, state, process, monitor, new Companions(paths, companions)).ConfigureAwait(false);
            if (cause is OperationCanceledException)
                throw new VmFailedException(new VmFailure(VmFailureKind.Cancelled, "the start of the VM was given up"), cause);
            throw;
        }
    }

    private static QemuProcess Launch(VmSpec spec, Origin origin, VmPaths paths, VmId id)
    {
        try
        {
            return QemuProcess.Start(spec.Qemu, QemuCommandLine.Build(spec, paths, id, origin.Source), QemuPaths.Log(paths), origin.Memory?.Handle,
                smallPages: origin.Source == VmSource.Clone, priority: origin.Priority);
        }
        catch (IOException fault)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, fault.Message,
                "set the pool's qemu to an executable qemu-system-x86_64"), fault);
        }
    }

    private static void Record(VmFacts facts) => OnHost($"cannot write {QemuPaths.Record(facts.Paths)}", () =>
    {
        VmRecordFile.Write(facts, new VmSize(facts.Spec.Cpus, facts.Spec.MemoryMiB));
        return true;
    });

    private static Companion Serve(KataShape shape, VmPaths paths)
    {
        try
        {
            return VirtioFsServer.Start(shape, paths);
        }
        catch (IOException fault)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, fault.Message,
                "set virtio_fs_daemon to an executable virtiofsd, or shared_fs to \"none\""), fault);
        }
    }

    /// <summary>The socket appears when QEMU has come up, a tenth of a second after its start.</summary>
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
                        return await SupervisorMonitor.ConnectAsync(facts.Paths.Supervisor, options.CommandDeadline, deadline.Token).ConfigureAwait(false);
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

    private static VmFailedException NotStarted(VmFacts facts, string how) =>
        new(QemuMessages.NotStarted(facts.Spec.Qemu, how, LogTail.Read(QemuPaths.Log(facts.Paths))));

    private async Task UndoAsync(VmPaths paths, StateFile? state, QemuProcess? process, SupervisorMonitor? monitor, Companions companions)
    {
        try
        {
            if (monitor is not null) await monitor.DisposeAsync().ConfigureAwait(false);
            if (process is not null) await process.EndAsync(TimeSpan.Zero, options.KillDeadline, CancellationToken.None).ConfigureAwait(false);
            await companions.EndAsync(options.KillDeadline).ConfigureAwait(false);
            VmDirectories.Remove(paths);
        }
        catch (VmFailedException)
        {
            // The first failure is the one to tell; what is left here is found and reaped at the next start.
        }
        finally
        {
            process?.Dispose();
            companions.Dispose();
            state?.Dispose();
        }
    }

    private sealed record Origin(VmSource Source, MemoryFile? Memory, MemoryFile? State, VmPriority Priority);

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
