using System.CommandLine;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli.Verbs;

/// <summary>The options of acquire that say what VM it is to be.</summary>
internal sealed class AcquireWish
{
    private readonly Option<string> pool = new("--pool")
    {
        Description = "The pool to take it from", HelpName = "NAME", DefaultValueFactory = _ => "default",
    };

    private readonly Option<int> vcpus = new("--vcpus") { Description = "vCPUs at least (else as the pool's VMs have)", HelpName = "N" };

    private readonly Option<int> memory = new("--memory") { Description = "Memory at least, in MiB (else as the pool's VMs have)", HelpName = "MIB" };

    private readonly Option<string[]> env = new("--env", "-e")
    {
        Description = "A variable of every command in the VM; may be given several times", HelpName = "K=V",
    };

    private readonly Option<string[]> file = new("--file")
    {
        Description = "A file of this host to put into the guest, with its mode or another one (octal); may be given several times",
        HelpName = "HOST:GUEST[:MODE]",
    };

    private readonly Option<string?> hostname = new("--hostname") { Description = "The guest's host name", HelpName = "NAME" };

    private readonly Option<TimeSpan?> ttl = DurationOption.Create("--ttl", "How long the lease lives after each renewal (else the pool's default)");

    private readonly Option<string?> key = new("--key")
    {
        Description = "Idempotency key: the same one with the same options gives the same VM", HelpName = "KEY",
    };

    private readonly Option<string?> sandbox = new("--sandbox") { Description = "A sandbox id to assign the VM to", HelpName = "ID" };

    private readonly Option<string[]> label = new("--label", "-l")
    {
        Description = "A label, shown by list and watch; may be given several times", HelpName = "K=V",
    };

    private readonly Option<string> warm = new("--warm")
    {
        Description = "Take a warm VM if there is one (prefer), only a warm one (require), or one that is made now (never)",
        HelpName = "prefer|require|never",
        DefaultValueFactory = _ => "prefer",
    };

    private readonly Option<string> placement = new("--placement")
    {
        Description = "In a cluster: on the host that is asked (local), there if one is warm (prefer-local), or where it is soonest had (any)",
        HelpName = "local|prefer-local|any",
        DefaultValueFactory = _ => "local",
    };

    private readonly Option<string[]> affinity = new("--affinity")
    {
        Description = "In a cluster: a label that the host must have; may be given several times", HelpName = "K=V",
    };

    private readonly Option<bool> holdsAgent = new("--client-holds-agent")
    {
        Description = "The guest's agent is to be the holder's, for 'connect VM agent': then there is no exec",
    };

    private readonly Option<TimeSpan?> timeout = DurationOption.Create("--timeout", "How long to wait for the VM (else 60 s)");

    internal AcquireWish()
    {
        warm.AcceptOnlyFromAmong("prefer", "require", "never");
        placement.AcceptOnlyFromAmong("local", "prefer-local", "any");
    }

    internal IEnumerable<Option> Options => [pool, vcpus, memory, env, file, hostname, ttl, key, sandbox, label, warm, placement, affinity, holdsAgent, timeout];

    internal string Pool(ParseResult parse) => parse.GetRequiredValue(pool);

    /// <exception cref="CliException">A value that can never be.</exception>
    internal AcquireOptions Read(ParseResult parse, TimeSpan standardTimeout) => new()
    {
        MinCpus = NotNegative("--vcpus", parse.GetValue(vcpus)),
        MinMemoryMiB = NotNegative("--memory", parse.GetValue(memory)),
        Environment = KeyValues.Parse("--env", parse.GetValue(env) ?? []),
        Files = [.. (parse.GetValue(file) ?? []).Select(HostFiles.Read)],
        Hostname = parse.GetValue(hostname),
        Ttl = parse.GetValue(ttl),
        IdempotencyKey = parse.GetValue(key),
        SandboxId = parse.GetValue(sandbox),
        Labels = KeyValues.Parse("--label", parse.GetValue(label) ?? []),
        Warm = parse.GetValue(warm) switch
        {
            "require" => WarmPreference.Require,
            "never" => WarmPreference.Never,
            _ => WarmPreference.Prefer,
        },
        Placement = parse.GetValue(placement) switch
        {
            "prefer-local" => Placement.PreferLocal,
            "any" => Placement.Any,
            _ => Placement.Local,
        },
        ClientHoldsAgent = parse.GetValue(holdsAgent),
        Affinity = KeyValues.Parse("--affinity", parse.GetValue(affinity) ?? []),
        Timeout = parse.GetValue(timeout) ?? standardTimeout,
    };

    private static int NotNegative(string option, int value) =>
        value >= 0 ? value : throw CliException.Usage($"{option} {value} is below 0: leave it out to take VMs as the pool has them");
}
