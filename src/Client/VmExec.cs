using System.Text.Json;
using Grpc.Core;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Client;

/// <summary>Runs programs in a VM whose guest is our own.</summary>
public static class VmExec
{
    /// <summary>The VM is paused: it is to be resumed first.</summary>
    public const string PausedReason = "VM_PAUSED";

    /// <summary>There is no such program in the guest.</summary>
    public const string NotFoundReason = "COMMAND_NOT_FOUND";

    /// <summary>The program cannot be run.</summary>
    public const string NotExecutableReason = "COMMAND_NOT_EXECUTABLE";

    private static readonly QmpOptions Brief = new() { GreetingDeadline = TimeSpan.FromSeconds(1), CommandDeadline = TimeSpan.FromSeconds(1) };

    /// <param name="qmp">The client's monitor: asked whether the VM runs.</param>
    /// <param name="agent">The agent's Unix socket, held until the program has ended.</param>
    /// <param name="alive">How long to wait for the agent's first sign of life.</param>
    /// <param name="stdin">Null for an empty one.</param>
    /// <exception cref="VmCacheException">The program did not run, or how it ended is unknown.</exception>
    public static async Task<ExecExited> RunAsync(
        string qmp,
        string agent,
        TimeSpan alive,
        ExecStart start,
        Stream? stdin,
        Func<ReadOnlyMemory<byte>, ValueTask> stdout,
        Func<ReadOnlyMemory<byte>, ValueTask> stderr,
        CancellationToken cancel)
    {
        await RequireRunningAsync(qmp, cancel).ConfigureAwait(false);
        try
        {
            // A channel that another client holds, or a hung guest, takes bytes and is silent.
            await using var channel = await AgentChannel.OpenAsync(agent, alive, cancel).ConfigureAwait(false);
            return await new AgentClient(channel).ExecAsync(start, stdin, stdout, stderr, cancel).ConfigureAwait(false);
        }
        catch (TtrpcStatusException fault) when (fault.Code == TtrpcStatusCode.NotFound)
        {
            throw new VmCacheException(StatusCode.NotFound, NotFoundReason, fault.Message, fault);
        }
        catch (TtrpcStatusException fault) when (fault.Code == TtrpcStatusCode.PermissionDenied)
        {
            throw new VmCacheException(StatusCode.PermissionDenied, NotExecutableReason, fault.Message, fault);
        }
        catch (Exception fault) when (VmFaults.Known(fault))
        {
            throw VmFaults.Of(fault);
        }
    }

    /// <summary>A monitor that another client holds cannot be asked; then the agent's silence must do.</summary>
    private static async Task RequireRunningAsync(string qmp, CancellationToken cancel)
    {
        string? status;
        try
        {
            await using var monitor = await QmpClient.ConnectUnixAsync(qmp, Brief, cancel).ConfigureAwait(false);
            var answer = await monitor.ExecuteAsync("query-status", null, cancel).ConfigureAwait(false);
            status = answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("status", out var value) ? value.GetString() : null;
        }
        catch (QmpException)
        {
            return;
        }

        if (status is "paused" or "prelaunch" or "inmigrate" or "postmigrate" or "save-vm" or "suspended")
        {
            throw new VmCacheException(StatusCode.FailedPrecondition, PausedReason, "the VM is paused");
        }
    }
}
