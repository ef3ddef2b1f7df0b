using System.Collections;
using System.CommandLine;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Hypervisor.Qemu.ControlGroups;

return DescriptorLimit.SufficesForUsage() ? await ReadAsync(args) : DescriptorLimit.ExitCode;

// The host handles SIGTERM and SIGINT itself, in its own order.
static Task<int> ReadAsync(string[] args)
    => CommandLine.Of(StartAsync).Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

static Task<int> StartAsync(CommandLineValues values)
    => DescriptorLimit.SufficesForRuntime() ? RunAsync(values) : Task.FromResult(DescriptorLimit.ExitCode);

static async Task<int> RunAsync(CommandLineValues values)
{
    CoreDumps.Forbid();
    var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
        .ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "");
    var host = HostFacts.Read();
    var start = StartingPools.Read(new PoolSource(
        applied => DescriptorCheck.Of(ConfigurationLoader.Load(values, environment, host, applied: applied), DescriptorLimit.Now)));
    var loaded = start.Loaded;
    if (loaded.Options is not { } options) return Refuse(ConfigurationReport.Format(loaded.Faults).TrimEnd(), DescriptorLimit.ExitCode);
    foreach (var (pool, text) in loaded.Warnings) Console.Error.WriteLine($"vmcached: pool {pool}: {Printable.OneLine(text)}");
    if (RunDirectories.Prepare(options) is { } problem) return Refuse(problem, 73);

    try
    {
        // Held until the process ends: a successor may not take the sockets while this one still lets go of them.
        using var endpoints = OwnedEndpoints.Take(options);
        await using var app = Daemon.Build(options, endpoints, start: start);
        await app.RunToItsEndAsync();
        return 0;
    }
    catch (EndpointRefusedException refused)
    {
        return Refuse(refused.Message, 75);
    }
    catch (ControlGroupException unusable)
    {
        return Refuse(unusable.Message, DescriptorLimit.ExitCode);
    }
    catch (IOException io)
    {
        return Refuse($"cannot listen: {io.Message}", 75);
    }
}

static int Refuse(string message, int status)
{
    Console.Error.WriteLine($"vmcached: {Printable.Lines(message)}");
    return status;
}
