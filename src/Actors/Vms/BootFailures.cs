using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

internal static class BootFailures
{
    private static readonly TimeSpan ConsoleTimeout = TimeSpan.FromSeconds(2);

    /// <summary>What to say of a guest whose agent never answered: its last words on the console tell most.</summary>
    public static async Task<VmFailure> AgentSilentAsync(IVm vm, TimeSpan limit)
    {
        using var cancel = new CancellationTokenSource(ConsoleTimeout);
        string console;
        try
        {
            console = LastLine(await vm.ReadConsoleAsync(cancel.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (e is VmFailedException or OperationCanceledException)
        {
            console = "";
        }

        var said = console.Length == 0 ? "and its console is empty" : $"its console's last line: \"{console}\"";
        return new VmFailure(
            VmFailureKind.Boot,
            $"its agent did not answer within {limit.TotalSeconds:0.###} s, {said}",
            "check kernel, initrd or image and kernel-parameters, or raise boot-timeout");
    }

    private static string LastLine(string text)
    {
        var line = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "";
        return new string(line.Where(c => !char.IsControl(c)).Take(200).ToArray());
    }
}
