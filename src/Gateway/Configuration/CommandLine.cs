using System.CommandLine;
using VmCacheCluster.Kata;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>The daemon's flags.</summary>
internal static class CommandLine
{
    private static readonly Option<string?> Config = Text("--config", "The configuration file (HOCON). Default: /etc/vmcache/vmcache.conf, if it is there");
    private static readonly Option<string?> Endpoint = Text("--endpoint", "The Unix socket to listen on (vmcache.endpoint)");
    private static readonly Option<string?> Number = Text("--vm-cache-number", "How many VMs the default pool keeps warm");
    private static readonly Option<string?> RunDirectory = Text("--run-dir", "Where records, sockets and logs of the VMs are kept (vmcache.run-dir)");
    private static readonly Option<string?> Kata = Text("--kata-config", "Kata's configuration.toml: the default pool is what its [factory] and [hypervisor.qemu] say");
    private static readonly Option<string?> Transport = Text("--agent-transport", "How guests' agents are reached: vsock (with --kata-config the default, as Kata does), serial (else the default), or auto");
    private static readonly Option<string?> Version = Text("--kata-version", $"With --kata-config, the clients that are served: {KataVersion.Choices}");
    private static readonly Option<string?> Join = Text("--join", "Join the cluster that this node, HOST:PORT, is in (vmcache.cluster.seeds)");

    private static readonly Option<bool> Bootstrap = new("--bootstrap")
    {
        Description = "Form a cluster here if this host never was in one and no seed is. Give it to one node, once",
    };

    /// <param name="run">Runs the daemon, and gives its exit status.</param>
    public static RootCommand Of(Func<CommandLineValues, Task<int>> run)
    {
        var root = new RootCommand("vmcached keeps QEMU VMs booted and paused, and hands them out in milliseconds.")
        {
            Config, Endpoint, Number, RunDirectory, Kata, Transport, Version, Join, Bootstrap,
        };
        root.SetAction(async (parse, _) => await run(new CommandLineValues(
            parse.GetValue(Config), parse.GetValue(Endpoint), parse.GetValue(Number), parse.GetValue(RunDirectory),
            parse.GetValue(Kata), parse.GetValue(Transport), parse.GetValue(Version), parse.GetValue(Join), parse.GetValue(Bootstrap))));
        return root;
    }

    private static Option<string?> Text(string name, string description) => new(name) { Description = description };
}
