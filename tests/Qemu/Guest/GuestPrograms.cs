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
}
