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
    private const string CertificateVariable = "VMCACHE_TLS_CERTIFICATE";
    private const string KeyVariable = "VMCACHE_TLS_KEY";
    private const string AuthorityVariable = "VMCACHE_TLS_CA";
    private const string Https = "https://";

    internal Globals(CliHost host)
    {
        Host = host;
        OutputOption.AcceptOnlyFromAmong("table", "wide", "json");
    }

    internal CliHost Host { get; }

    internal Option<string?> EndpointOption { get; } = new("--endpoint")
    {
        Description = $"vmcached's Unix socket (else {EndpointVariable}, else {DefaultEndpoint}), of which each pool may have its own; or a gateway on another machine",
        HelpName = "PATH|https://HOST:PORT",
        Recursive = true,
    };

    private readonly Option<string?> tlsCertificate = Tls("--tls-certificate", "the caller's certificate", CertificateVariable);
    private readonly Option<string?> tlsKey = Tls("--tls-key", "its private key", KeyVariable);
    private readonly Option<string?> tlsAuthority = Tls("--tls-ca", "the authority of the gateway's certificate", AuthorityVariable);

    internal IEnumerable<Option> TlsOptions => [tlsCertificate, tlsKey, tlsAuthority];

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
        if (path.StartsWith(Https, StringComparison.Ordinal)) return path;
        if (path.StartsWith("unix://", StringComparison.Ordinal))
        {
            path = path["unix://".Length..];
        }

        return path.Length == 0 ? throw CliException.Usage("--endpoint is empty: it is the path of vmcached's Unix socket") : Path.GetFullPath(path);
    }

    internal VmCacheClient Connect(ParseResult parse)
    {
        var endpoint = Endpoint(parse);
        return endpoint.StartsWith(Https, StringComparison.Ordinal)
            ? VmCacheClient.Open(endpoint[Https.Length..].TrimEnd('/'), new ClientTls(
                File(parse, tlsCertificate, CertificateVariable), File(parse, tlsKey, KeyVariable), File(parse, tlsAuthority, AuthorityVariable)))
            : VmCacheClient.Open(endpoint);
    }

    private string File(ParseResult parse, Option<string?> option, string variable)
        => parse.GetValue(option) is { Length: > 0 } given ? given
            : Host.Environment(variable) is { Length: > 0 } set ? set
            : throw CliException.Usage($"a gateway is told who calls by a certificate: name the file by {option.Name} or {variable}");

    private static Option<string?> Tls(string name, string what, string variable) => new(name)
    {
        Description = $"With https://HOST:PORT: PEM file of {what} (else {variable})",
        HelpName = "FILE",
        Recursive = true,
    };

    internal OutputFormat Format(ParseResult parse) => parse.GetValue(OutputOption) switch
    {
        "json" => OutputFormat.Json,
        "wide" => OutputFormat.Wide,
        _ => OutputFormat.Table,
    };

    internal Style OutStyle => Style.For(Host.OutIsTerminal, Host.Environment);
}
