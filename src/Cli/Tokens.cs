using System.CommandLine;

namespace VmCacheCluster.Cli;

/// <summary>The token of a lease: by an option, or by the environment, where other users of the host cannot read it.</summary>
internal static class Tokens
{
    internal const string Variable = "VMCACHE_TOKEN";

    internal static Option<string?> Option() => new("--token")
    {
        Description = $"The lease's token, as 'vmcache acquire' printed it (else {Variable})",
        HelpName = "TOKEN",
    };

    /// <returns>Empty: none was given.</returns>
    internal static string Of(ParseResult parse, Option<string?> option, CliHost host) =>
        parse.GetValue(option) ?? host.Environment(Variable) ?? "";

    /// <exception cref="CliException">None was given.</exception>
    internal static string Require(ParseResult parse, Option<string?> option, CliHost host) =>
        Of(parse, option, host) is { Length: > 0 } token
            ? token
            : throw CliException.Usage($"the lease's token is missing: name it by --token or {Variable}; 'vmcache acquire' printed it");
}
