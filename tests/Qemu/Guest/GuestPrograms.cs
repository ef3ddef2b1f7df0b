using System.Text;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent;

namespace VmCacheCluster.Tests.Qemu.Guest;

internal sealed record ProgramResult(ExecExited Exited, string Output, string Errors);

/// <summary>Programs run to their end, with their output as text.</summary>
internal static class GuestPrograms
{
    public static ExecStart Start(params string[] arguments)
    {
        var start = new ExecStart();
        start.Args.AddRange(arguments);
        return start;
    }

    public static Task<ProgramResult> RunAsync(this TtrpcClient client, params string[] arguments) => client.RunAsync(Start(arguments));

    public static async Task<ProgramResult> RunAsync(this TtrpcClient client, ExecStart start, string? stdin = null, CancellationToken cancel = default)
    {
        using var output = new MemoryStream();
        using var errors = new MemoryStream();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(BootedGuest.Patience);
        var exited = await new AgentClient(client).ExecAsync(
            start,
            stdin is null ? null : new MemoryStream(Encoding.UTF8.GetBytes(stdin)),
            bytes => output.WriteAsync(bytes),
            bytes => errors.WriteAsync(bytes),
            deadline.Token);
        return new ProgramResult(exited, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(errors.ToArray()));
    }

    /// <summary>Asks until the shell command's output is as wanted, each time in the guest.</summary>
    public static async Task<bool> BecomesAsync(this TtrpcClient client, string shell, string wanted)
    {
        using var deadline = new CancellationTokenSource(BootedGuest.Patience);
        while (!deadline.IsCancellationRequested)
        {
            if ((await client.RunAsync("sh", "-c", shell)).Output.Trim() == wanted) return true;
        }

        return false;
    }

    /// <summary>Asks by one client after another until the program of a client that left is gone. A client that follows within
    /// a millisecond can hide from the guest that the last one left, and be sent the rest of its answer; so between two of
    /// them QEMU is kept busy with other questions.</summary>
    public static async Task<bool> EndsAsync(this BootedGuest guest, string program)
    {
        using var deadline = new CancellationTokenSource(BootedGuest.Patience);
        while (!deadline.IsCancellationRequested)
        {
            for (var i = 0; i < 300; i++) await guest.QmpAsync("query-status");
            await using var client = await guest.ConnectAsync();
            using var once = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            try
            {
                var count = await client.RunAsync(Start("sh", "-c", $"ps | grep -c '[{program[0]}]{program[1..]}'"), cancel: once.Token);
                if (count.Output == "0\n") return true;
            }
            catch (Exception fault) when (fault is OperationCanceledException or TtrpcConnectionException)
            {
                // Not heard, or sent another's answer.
            }
        }

        return false;
    }
}
