using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>
/// The host's end of the agent's port, where kata-proxy is before it. kata-proxy pings the guest every two seconds. A guest that is paused,
/// or has not opened its port, reads nothing: after nine minutes the socket is full, and kata-proxy ends at the next connection. So it is
/// suspended while nobody has the VM and its guest does not read.
/// </summary>
internal sealed class AgentPort(VmFacts facts, SupervisorMonitor monitor, Companions companions)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    // A mark and the guest's state change side by side: what kata-proxy does has to follow the last of them.
    private readonly Lock _gate = new();
    private bool _held;

    private bool HasProxy => facts.Spec.Kata is { ProxyPath.Length: > 0 };

    /// <summary>A holder resumes its VM himself, at any time: kata-proxy runs from here on.</summary>
    /// <param name="mark">What is about to be recorded of the VM.</param>
    /// <param name="condition">What its vCPUs do.</param>
    public void Marked(VmMark mark, VmCondition condition)
    {
        lock (_gate)
        {
            _held = mark.HandedOut;
            if (_held) companions.Wake();
            else if (condition != VmCondition.Running) companions.Quiet();
        }
    }

    /// <summary>The guest has not opened its port yet. With debug kata-proxy reads the guest's console meanwhile, so it runs.</summary>
    public void Starts()
    {
        if (facts.Spec.Kata is not { ProxyDebug: true }) Rest();
    }

    /// <summary>The guest is about to read nothing.</summary>
    public void Rest()
    {
        lock (_gate)
        {
            if (!_held) companions.Quiet();
        }
    }

    /// <summary>The guest is about to read, or reads.</summary>
    public void Wake()
    {
        lock (_gate) companions.Wake();
    }

    /// <summary>See <see cref="AgentProbe.WaitAsync"/>.</summary>
    /// <exception cref="VmFailedException">The monitor does not answer.</exception>
    public async Task<AgentIdentity?> AskAsync(TimeSpan overdue, Action<string> onTrouble, CancellationToken cancel)
    {
        await OpenedAsync(onTrouble, cancel).ConfigureAwait(false);
        return await AgentProbe.WaitAsync(facts, overdue, onTrouble, cancel).ConfigureAwait(false);
    }

    /// <summary>Returns when the guest has opened its port, and kata-proxy runs.</summary>
    private async Task OpenedAsync(Action<string> onTrouble, CancellationToken cancel)
    {
        if (!HasProxy) return;
        onTrouble("the guest has not opened its agent's port");
        while (!IsOpen(await monitor.ExecuteAsync("query-chardev", null, cancel).ConfigureAwait(false)))
            await Task.Delay(Look, cancel).ConfigureAwait(false);
        Wake();
    }

    /// <param name="chardevs">What query-chardev says.</param>
    internal static bool IsOpen(JsonElement chardevs) =>
        chardevs.ValueKind == JsonValueKind.Array && chardevs.EnumerateArray().Any(chardev =>
            chardev.TryGetProperty("label", out var label) && label.ValueEquals(KataDevices.AgentChardev)
            && chardev.TryGetProperty("frontend-open", out var open) && open.ValueKind == JsonValueKind.True);
}
