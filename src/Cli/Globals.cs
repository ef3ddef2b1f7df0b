using System.CommandLine;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;

namespace VmCacheCluster.Cli;

internal enum OutputFormat { Table, Wide, Json }

/// <summary>The options that every verb has, and what comes of them.</summary>
internal sealed class Globals
{
    internal const string DefaultEndpoint = "/run/vmcache/cache.sock";
    internal const string EndpointVariable = "VMCACHE_ENDPOINT";

    internal Globals(CliHost host)
    {
        Host = host;
        OutputOption.AcceptOnlyFromAmong("table", "wide", "json");
    }

    internal CliHost Host { get; }

    internal Option<string?> EndpointOption { get; } = new("--endpoint")
    {
        Description = $"vmcached's Unix socket (else {EndpointVariable}, else {DefaultEndpoint}); each pool may have its own",
        HelpName = "PATH",
        Recursive = true,
    };

    internal Option<string> OutputOption { get; } = new("--output", "-o")
    {
        Description = "How to print: table, wide (more columns) or json (errors too)",
        HelpName = "table|wide|json",
        Recursive = true,
        DefaultValueFactory = _ => "table",
    };

    internal string Endpoint(ParseResult parse)
    {
        var path = parse.GetValue(EndpointOption)
            ?? (Host.Environment(EndpointVariable) is { Length: > 0 } set ? set : DefaultEndpoint);
        if (path.StartsWith("unix://", StringComparison.Ordinal))
        {
            path = path["unix://".Length..];
        }

        return path.Length == 0 ? throw CliException.Usage("--endpoint is empty: it is the path of vmcached's Unix socket") : Path.GetFullPath(path);
    }

    internal VmCacheClient Connect(ParseResult parse) => VmCacheClient.Open(Endpoint(parse));

    internal OutputFormat Format(ParseResult parse) => parse.GetValue(OutputOption) switch
    {
        "json" => OutputFormat.Json,
        "wide" => OutputFormat.Wide,
        _ => OutputFormat.Table,
    };

    internal Style OutStyle => Style.For(Host.OutIsTerminal, Host.Environment);
}
