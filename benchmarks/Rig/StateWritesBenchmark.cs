using System.Diagnostics;
using Akka.Actor;
using Akka.Configuration;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Hosting;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Hypervisor.Qemu;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// Fake QEMU, the actors in this process without gRPC around them: how much of an acquire of vmcache.v1 its writes of state are
/// (lease.json, and the marks reserved, preparing and unconfirmed), by a stopwatch around the port.
/// </summary>
public static class StateWritesBenchmark
{
    private const int Warm = 8;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static async Task<int> RunAsync(string dist, int times)
    {
        var directory = Directory.CreateDirectory($"/dev/shm/vmcbench-{Guid.NewGuid():N}"[..28]).FullName;
        try
        {
            var options = Options(directory, Path.Combine(dist, "test", "fake-qemu"));
            var clock = new LinuxHostClock();
            var qemu = new QemuHypervisorOptions { RunDirectory = options.RunDirectory, ClientDirectory = options.ClientDirectory };
            var inner = new QemuHypervisor(qemu, clock);
            var timed = new TimedHypervisor(inner);
            var ports = new NodePorts(new VmPorts(timed, clock, TimeProvider.System), new KvmProof(qemu, new ThrowAwayVms(qemu, clock), clock), Random.Shared.NextDouble);
            using var system = ActorSystem.Create("rig", ConfigurationFactory.FromResource("akka.host.conf", typeof(Daemon).Assembly));
            var node = VmCacheNodeHosting.StartNode(system, new NodePlan(options.Pools, 2), ports);
            var gateway = await VmCacheNodeHosting.GatewayAsync(node);
            try
            {
                await MeasureAsync(gateway, timed, times);
            }
            finally
            {
                await gateway.Ask<NodeDrained>(DrainNode.Instance, Limit);
                await node.Ask<NodeStopped>(new StopNode("the benchmark is over"), Limit);
                await system.Terminate();
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        return 0;
    }

    private static async Task MeasureAsync(IActorRef gateway, TimedHypervisor timed, int times)
    {
        var (whole, writes) = (new Figures("acquire, without gRPC"), new Figures("its writes of state"));
        List<double> shares = [];
        var wish = new LeaseWish(0, 0, null, new Dictionary<string, string>(), null, "", WarmWish.Require, LateBinding.None, false);
        for (var i = 0; i < times + 20; i++)
        {
            while (await gateway.Ask<object>(new GetPoolView(PoolName.Default), Limit) is not PoolView { Warm: Warm, Warming: 0 }) await Task.Delay(5);
            var ticket = new AcquireTicket();
            var from = Stopwatch.GetTimestamp();
            gateway.Tell(new AcquireBaseVm(ticket, PoolName.Default, HandOutPath.V1, Limit, wish));
            var answer = await ticket.Answer;
            var took = Stopwatch.GetElapsedTime(from);
            if (answer is not BaseVmGranted granted) throw new InvalidOperationException(answer.ToString());
            var written = timed.WritesOf(granted.Facts.Id, since: from);
            await gateway.Ask<VmReleased>(new ReleaseVm(granted.Facts.Id, granted.Lease!.Record.Token), Limit);
            // The first ones warm the process up.
            if (i < 20) continue;
            whole.Add(took);
            writes.Add(written);
            shares.Add(written / took);
        }

        Console.WriteLine(whole);
        Console.WriteLine(writes);
        Console.WriteLine($"writes / acquire, median of {times}   {100 * Samples.Median(shares):0.0} %   (promised: under 5 %)");
    }

    private static NodeOptions Options(string directory, string fake)
    {
        foreach (var file in new[] { "kernel", "initrd" }) File.WriteAllText(Path.Combine(directory, file), "\n");
        var config = Path.Combine(directory, "vmcache.conf");
        File.WriteAllText(config, $$"""
            vmcache {
              endpoint = "{{directory}}/cache.sock"
              run-dir = "{{directory}}"
              pool-defaults {
                vm-cache-number = {{Warm}}, accelerator = tcg, qemu = "{{fake}}"
                kernel = "{{directory}}/kernel", initrd = "{{directory}}/initrd"
              }
            }
            """);
        var loaded = ConfigurationLoader.Load(new CommandLineValues(config), new Dictionary<string, string>(), HostFacts.Read());
        var options = loaded.Options ?? throw new InvalidOperationException(ConfigurationReport.Format(loaded.Faults));
        return RunDirectories.Prepare(options) is { } problem ? throw new InvalidOperationException(problem) : options;
    }
}
