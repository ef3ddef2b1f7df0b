using Grpc.Core;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Client;

/// <summary>
/// What the VMCache factory of Kata's Go runtime does, over the same calls: compare configurations, take a base VM, rebuild
/// it from what was received, resume it, reseed it, set its clock, and plug in what it lacks of vCPUs and memory.
/// </summary>
public sealed class KataFactory(VmCacheClient client, TimeProvider? time = null)
{
    private static readonly TimeSpan ConfigTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GiveBackTimeout = TimeSpan.FromSeconds(15);

    /// <param name="own">What the caller would make a VM with itself.</param>
    /// <param name="wait">How long to wait for a VM when none is warm.</param>
    /// <param name="limit">For each of resuming and growing the VM.</param>
    /// <exception cref="VmCacheException"><see cref="Reasons.ConfigurationDiffers"/>: make a VM of your own. Else: no VM was to be
    /// had, or it was of no use and has been given back.</exception>
    public async Task<KataVm> GetVmAsync(KataVmConfig own, TimeSpan wait, TimeSpan limit, CancellationToken cancel = default)
    {
        var differences = await DifferencesAsync(own, cancel).ConfigureAwait(false);
        if (differences.Count > 0)
        {
            throw new VmCacheException(
                StatusCode.FailedPrecondition, Reasons.ConfigurationDiffers,
                $"the VMs of {client.Endpoint} are configured otherwise: {string.Join("; ", differences)}");
        }

        var message = await client.GetBaseVmAsync(wait, cancel).ConfigureAwait(false);
        try
        {
            return await RebuildAsync(GrpcVmFormat.Read(message), own, limit, cancel).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            await GiveBackAsync(message.Id).ConfigureAwait(false);
            throw fault is KataFormatException ? BadAnswer(fault) : fault;
        }
    }

    /// <summary>How the node's VMs differ from the caller's, by Kata's rules; empty: they match.</summary>
    public async Task<IReadOnlyList<string>> DifferencesAsync(KataVmConfig own, CancellationToken cancel = default)
    {
        var config = await client.ConfigAsync(ConfigTimeout, cancel).ConfigureAwait(false);
        try
        {
            return Differences(config, own);
        }
        catch (KataFormatException fault)
        {
            throw BadAnswer(fault);
        }
    }

    /// <summary>By the rules of clients of 3.x and 4.x together: what either of them resets is left out.</summary>
    /// <returns>Such as <c>HypervisorConfig.KernelPath is "/a" there and "/b" here</c>.</returns>
    /// <exception cref="KataFormatException">The node's answer is no configuration.</exception>
    public static IReadOnlyList<string> Differences(GrpcVMConfig node, KataVmConfig own) =>
    [
        .. KataComparison.Between(node, own, KataTarget.Union)
            .Select(d => $"{d.Field} is {(d.Served.Length > 0 ? d.Served : "not set")} there and {d.Wanted} here"),
    ];

    private async Task<KataVm> RebuildAsync(ReceivedVm vm, KataVmConfig own, TimeSpan limit, CancellationToken cancel)
    {
        var agent = vm.Agent;
        var resumed = await VmResume.RunAsync(vm.Qmp, agent, limit, time ?? TimeProvider.System, cancel).ConfigureAwait(false);
        var wanted = new VmCapacity(
            (int)MathF.Ceiling(own.HypervisorConfig.NumVCPUsF), (int)own.HypervisorConfig.MemorySize);
        var has = await VmGrowth.RunAsync(
            vm.Qmp, agent, new VmCapacity(vm.Cpus, vm.MemoryMiB), wanted, limit, cancel).ConfigureAwait(false);
        return new KataVm(vm, agent, has, resumed);
    }

    /// <summary>A VM that cannot be given back ends after its grace period, or with its process.</summary>
    private async Task GiveBackAsync(string id)
    {
        try
        {
            await client.ReleaseAsync(id, GiveBackTimeout).ConfigureAwait(false);
        }
        catch (VmCacheException)
        {
        }
    }

    private VmCacheException BadAnswer(Exception fault) =>
        new(StatusCode.Internal, Reasons.BadAnswer, $"{client.Endpoint}: {fault.Message}", fault);
}

/// <summary>A running VM, as Kata's client holds one: it lives until its holder ends it.</summary>
/// <param name="Received">What the node said of it.</param>
/// <param name="Agent">The agent's Unix socket.</param>
/// <param name="Has">vCPUs and memory, with what was plugged.</param>
public sealed record KataVm(ReceivedVm Received, string Agent, VmCapacity Has, ResumeTimes Resumed);
