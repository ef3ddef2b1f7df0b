using System.Collections;
using System.CommandLine;
using VmCacheCluster.Gateway;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Endpoints;

var config = new Option<string?>("--config") { Description = "The configuration file (HOCON). Default: /etc/vmcache/vmcache.conf, if it is there" };
var endpoint = new Option<string?>("--endpoint") { Description = "The Unix socket to listen on (vmcache.endpoint)" };
var number = new Option<string?>("--vm-cache-number") { Description = "How many VMs the default pool keeps warm" };
var runDirectory = new Option<string?>("--run-dir") { Description = "Where records, sockets and logs of the VMs are kept (vmcache.run-dir)" };
var kata = new Option<string?>("--kata-config") { Description = "Kata's configuration.toml: the default pool is what its [factory] and [hypervisor.qemu] say" };
var transport = new Option<string?>("--agent-transport") { Description = "With --kata-config, how guests' agents are reached: vsock (as Kata does), or virtio-serial" };
var version = new Option<string?>("--kata-version") { Description = "With --kata-config, the clients that are served: auto (3.x and 4.x), 3.5, 4.1 or 1.13" };
var root = new RootCommand("vmcached keeps QEMU VMs booted and paused, and hands them out in milliseconds.")
{
    config, endpoint, number, runDirectory, kata, transport, version,
};
root.SetAction(async (parse, cancel) => await RunAsync(new CommandLineValues(
    parse.GetValue(config), parse.GetValue(endpoint), parse.GetValue(number), parse.GetValue(runDirectory),
    parse.GetValue(kata), parse.GetValue(transport), parse.GetValue(version))));

// The host handles SIGTERM and SIGINT itself, in its own order.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

static async Task<int> RunAsync(CommandLineValues values)
{
    var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
        .ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "");
    var loaded = ConfigurationLoader.Load(values, environment, HostFacts.Read());
    if (loaded.Options is not { } options) return Refuse(ConfigurationReport.Format(loaded.Faults).TrimEnd(), 78);
    foreach (var (pool, text) in loaded.Warnings) Console.Error.WriteLine($"vmcached: pool {pool}: {text}");
    if (RunDirectories.Prepare(options) is { } problem) return Refuse(problem, 73);

    try
    {
        // Held until the process ends: a successor may not take the sockets while this one still lets go of them.
        using var endpoints = OwnedEndpoints.Take(options);
        await using var app = Daemon.Build(options, endpoints, kata: loaded.Kata);
        await app.RunAsync();
        return 0;
    }
    catch (EndpointRefusedException refused)
    {
        return Refuse(refused.Message, 75);
    }
    catch (IOException io)
    {
        return Refuse($"cannot listen: {io.Message}", 75);
    }
}

static int Refuse(string message, int status)
{
    Console.Error.WriteLine($"vmcached: {message}");
    return status;
}
