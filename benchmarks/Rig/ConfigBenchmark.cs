using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using VmCacheCluster.Kata.Configuration;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>Config against a method of the same server that answers the same message from memory, in turns; and the reading of a file.</summary>
public static class ConfigBenchmark
{
    private const int Calls = 3000, WarmUp = 3, Reads = 200;

    public static async Task<int> RunAsync(string dist, int rounds)
    {
        var fake = Path.Combine(dist, "test", "fake-qemu");
        await using var daemon = await DaemonUnderTest.StartAsync(
            $"pool-defaults {{ vm-cache-number = 0, qemu = \"{fake}\"\n kernel = \"{{0}}/kernel\"\n initrd = \"{{0}}/initrd\"\n accelerator = tcg }}",
            Environment.ProcessPath!, "get-base-vm-server", "{0}");
        await daemon.UntilAsync(_ => true, TimeSpan.FromMinutes(1));
        using var channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = GetBaseVmBenchmark.Handler(daemon.Endpoint) });
        var calls = channel.CreateCallInvoker();
        var kata = new Kata.Wire.CacheService.CacheServiceClient(calls);
        var (real, constant) = (new Figures("Config"), new Figures("constant answer"));
        List<double> ratios = [];
        for (var round = 0; round < rounds + WarmUp; round++)
        {
            var (a, b) = (new Figures("a"), new Figures("b"));
            for (var i = 0; i < Calls; i++)
            {
                var one = await GetBaseVmBenchmark.TimeAsync(() => kata.ConfigAsync(new Empty()).ResponseAsync);
                var two = await GetBaseVmBenchmark.TimeAsync(() => calls.AsyncUnaryCall(GetBaseVmServer.ConstantConfig, null, new CallOptions(), new Empty()).ResponseAsync);
                a.Add(one);
                b.Add(two);
                if (round < WarmUp) continue;
                real.Add(one);
                constant.Add(two);
            }

            if (round >= WarmUp) ratios.Add(a.Milliseconds(50) / b.Milliseconds(50));
        }

        Console.WriteLine(real);
        Console.WriteLine(constant);
        Console.WriteLine($"p50 ratio, median of {rounds} rounds       {Samples.Median(ratios):0.00}   (promised: at most 1.1)");
        Read(daemon.Directory);
        return 0;
    }

    /// <summary>The first time, and once the code is compiled.</summary>
    private static void Read(string directory)
    {
        foreach (var name in new[] { "qemu", "vmlinuz", "image" }) File.WriteAllText(Path.Combine(directory, name), "x");
        var file = Path.Combine(directory, "configuration.toml");
        File.WriteAllText(file, string.Join('\n', [
            "[hypervisor.qemu]", $"path = \"{directory}/qemu\"", $"kernel = \"{directory}/vmlinuz\"", $"image = \"{directory}/image\"", "machine_type = \"q35\"", "shared_fs = \"none\"",
            .. Enumerable.Range(0, 400).Select(i => $"# a line of explanation, as such a file has hundreds of: {i}"),
            "default_vcpus = 1", "default_memory = 2048", "enable_annotations = [\"enable_iommu\", \"virtio_fs_extra_args\", \"kernel_params\"]", "block_device_driver = \"virtio-scsi\"",
            "[agent.kata]", "dial_timeout = 45", "[factory]", "vm_cache_number = 2", "[runtime]", "internetworking_model = \"tcfilter\""]));
        var reads = new Figures("reading a configuration.toml");
        for (var i = 0; i < Reads; i++)
        {
            var from = Stopwatch.GetTimestamp();
            if (new KataConfigurationReader(new LinuxKataHost(), agentOverVsock: false).Read(file).Faults.Count > 0) throw new InvalidOperationException("it has faults");
            var took = Stopwatch.GetElapsedTime(from);
            if (i == 0) Console.WriteLine($"reading a configuration.toml, the first time in a process   {took.TotalMilliseconds:0.0} ms   (promised: under 20 ms)");
            reads.Add(took);
        }

        Console.WriteLine(reads);
    }
}
