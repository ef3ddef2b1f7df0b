using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Users;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>kata-proxy for one VM, with the arguments that Kata 1.x gives it.</summary>
internal static class KataProxy
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>QEMU's end of the agent's channel is there already.</summary>
    /// <exception cref="VmFailedException">It cannot be started.</exception>
    /// <param name="lifetime">See <see cref="Companion.Start"/>.</param>
    public static Companion Start(KataShape shape, VmPaths paths, VmId id, TimeSpan? lifetime, VmUsers? users)
    {
        try
        {
            return Companion.Start(Companions.Proxy, shape.ProxyPath, Arguments(shape, paths, id), paths, lifetime: lifetime, runAs: users?.BeforeCompanion);
        }
        catch (NotExecutableException fault)
        {
            throw new VmFailedException(ProxyFailure.NotExecutable(fault.Message), fault);
        }
        catch (IOException fault)
        {
            throw new VmFailedException(HostFailures.From("kata-proxy did not start", fault), fault);
        }
    }

    /// <summary>Returns once it listens.</summary>
    /// <exception cref="VmFailedException">It ends, or does not listen in time.</exception>
    public static async Task ListensAsync(Companion proxy, KataShape shape, VmPaths paths, QemuHypervisorOptions options, CancellationToken cancel)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(options.StartDeadline);
        while (!UnixConnections.Listens(paths.Agent))
        {
            if (proxy.Exited.IsCompleted)
            {
                var said = LogTail.Read(Companion.Log(paths, Companions.Proxy)).Trim().ReplaceLineEndings(" | ");
                var how = await proxy.Exited.ConfigureAwait(false);
                throw new VmFailedException(ProxyFailure.Ended(shape.ProxyPath, how, said, SyslogSocket.Listens()));
            }

            try
            {
                await Task.Delay(Pause, deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                throw new VmFailedException(ProxyFailure.Silent(shape.ProxyPath, paths.Agent, options.StartDeadline));
            }
        }
    }

    internal static IReadOnlyList<string> Arguments(KataShape shape, VmPaths paths, VmId id) =>
    [
        "-listen-socket", $"unix://{paths.Agent}", "-mux-socket", QemuPaths.AgentPort(paths), "-sandbox", id.Value,
        .. shape.ProxyDebug ? ["-log", "debug", "-agent-logs-socket", paths.Console] : Array.Empty<string>(),
    ];
}
