using VmCacheCluster.Cli.Doctor;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Cli.Kata;

/// <summary>What answers at the file's vm_cache_endpoint.</summary>
/// <param name="Fault">Why nothing does; null: a server does.</param>
/// <param name="Config">What it serves.</param>
/// <param name="Pool">Of that socket, when the server is vmcached.</param>
internal sealed record KataServer(VmCacheException? Fault, GrpcVMConfig? Config = null, PoolStatus? Pool = null);

/// <summary>What happens when a client starts a sandbox with a file, step by step. Pure.</summary>
/// <param name="Client">Who starts it.</param>
/// <param name="Steps">In their order; the first that fails is where it ends, or where the client goes on without the cache.</param>
internal sealed record KataForecast(KataGeneration Client, IReadOnlyList<Check> Steps)
{
    private bool Succeeds => Steps.All(s => s.Verdict != Verdict.Fail);

    /// <summary>Of Kata 1.x one client at most takes a server's VMs.</summary>
    internal static bool Works(IReadOnlyList<KataForecast> all) => all.Any(f => f.Client.First is not null) ? all.Any(f => f.Succeeds) : all.All(f => f.Succeeds);

    /// <param name="start">What starts a server with this file.</param>
    /// <param name="client">Who starts the sandbox, compared with the server's answer, or with what one would answer for this file.</param>
    /// <param name="configuration">What can be made of the file; null: nothing.</param>
    /// <param name="making">How its VMs are made; null: as above.</param>
    internal static IReadOnlyList<Check> Foresee(string start, KataClient client, KataConfiguration? configuration, KataMaking? making, KataServer server)
    {
        var steps = new List<Check> { Reads(client) };
        if (configuration is null || making is null || client.Refusals.Count > 0) return steps;
        steps.Add(Asks(configuration.Factory));
        steps.Add(Answers(start, configuration.Factory, server));
        steps.Add(Agrees(client, server));
        // Else it boots a VM of its own, and asks for none.
        if (!client.Takes) return steps;
        steps.Add(Makes(making, server.Pool));
        if (client.Generation.ComparesPod) steps.Add(Pod());
        if (making.Made) steps.AddRange(After(client.Generation));
        return steps;
    }

    private static Check Reads(KataClient client)
    {
        const string name = "reads the file";
        if (client.Refusals.Count == 0) return new Check(name, Verdict.Ok, "it has no fault");
        var first = client.Refusals[0];
        var more = client.Refusals.Count > 1 ? $" (and {client.Refusals.Count - 1} more: vmcache kata check)" : "";
        return new Check(name, Verdict.Fail, $"{first with { Version = "", Remedy = "" }}{more}", first.Remedy);
    }

    private static Check Asks(KataFactorySettings factory) => factory.VmCacheNumber > 0
        ? new Check("asks a cache", Verdict.Ok, $"vm_cache_number is {factory.VmCacheNumber}, so it asks at {factory.VmCacheEndpoint}")
        : new Check("asks a cache", Verdict.Fail, "vm_cache_number is 0, so it asks none and boots each VM", "set vm_cache_number in [factory]");

    private static Check Answers(string start, KataFactorySettings factory, KataServer server)
    {
        const string name = "is answered";
        if (server.Fault is { } fault)
            return new Check(name, Verdict.Fail, $"{fault.Message}; the client boots each VM then", start);
        return server.Pool is { } pool
            ? new Check(name, Verdict.Ok, $"a server listens at {factory.VmCacheEndpoint}: {pool.Warm} of {pool.Target} VMs are warm")
            : new Check(name, Verdict.Ok, $"a server listens at {factory.VmCacheEndpoint}");
    }

    private static Check Agrees(KataClient client, KataServer server)
    {
        const string name = "has the same configuration";
        var live = server.Config is not null;
        if (client.Differences.Count == 0)
            return new Check(name, Verdict.Ok, live ? "what is served is equal to its own" : "what a server with this file would serve is equal to its own");
        var first = client.Differences[0];
        var more = client.Differences.Count > 1 ? $" (and {client.Differences.Count - 1} more: vmcache kata check)" : "";
        var served = first.Served.Length == 0 ? "nothing" : first.Served;
        return new Check(
            name, Verdict.Fail, $"{first.Field}: {served} {(live ? "is" : "would be")} served, {first.Wanted} is wanted{more}; the client boots a VM of its own",
            Remedy(client, live));
    }

    private static string Remedy(KataClient client, bool live) =>
        live ? "give client and server the same file, and kata-version the client's version"
        : client.Generation.First is not null ? "the file is for the other client of 1.13: give this one a file of its own (docs/kata.md, Kata 1.x)"
        : "take the key out, or boot such VMs without a cache";

    private static Check Makes(KataMaking making, PoolStatus? pool)
    {
        const string name = "gets a VM";
        if (!making.Made) return new Check(name, Verdict.Fail, $"none can be made: {making.Why}", "change the file, or boot such VMs without a cache");
        if (pool is { Warm: 0, Reason.Length: > 0 })
            return new Check(name, Verdict.Fail, $"none is warm: {pool.Reason}", "see its events in 'vmcache status' and vmcached's log");
        return new Check(name, Verdict.Ok, making.Cloned ? "VMs can be cloned from a template" : $"each is booted, for it cannot be cloned: {making.Why}");
    }

    private static Check Pod() => new(
        "under Kubernetes", Verdict.Warn, "the client compares the pod's name too, which no server knows, and boots a VM of its own: Kata's fault, until 3.31",
        "take this version for containers without Kubernetes, or Kata 3.32");

    private static IEnumerable<Check> After(KataGeneration generation)
    {
        yield return new Check("resumes it", Verdict.Ok, "over qmp.sock in the VM's directory");
        yield return new Check("plugs into it", Verdict.Ok, "network cards, disks, vCPUs and memory, by the bridges that it is told");
        yield return generation.ForgetsAgent
            ? new Check(
                "reaches the agent", Verdict.Fail,
                "a stock client forgets the VM's vsock address on the way, whoever serves the cache: Kata's fault (its issues 1106 and 11459)",
                "patch the client to read ContextID or AgentURL, which are in the VM's answer: docs/kata.md")
            : new Check("reaches the agent", Verdict.Ok, "by the proxy's URL or the agent's socket, which are in the VM's answer");
    }
}
