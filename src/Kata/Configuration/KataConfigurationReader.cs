namespace VmCacheCluster.Kata.Configuration;

/// <summary>
/// Reads a configuration.toml as Kata's Go runtime does: the file, its drop-ins in config.d, defaults, limits and checks in Kata's order.
/// Where Kata ends with the first fault this one goes on and tells them all.
/// </summary>
/// <param name="host">The host it is for.</param>
/// <param name="agentOverVsock">False: guests' agents are reached over virtio-serial, and /dev/vhost-vsock is not needed.</param>
/// <param name="target">Whose configuration it is. Where 3.5 and 4.1 both are asked, a file is used that one of them can read.</param>
public sealed class KataConfigurationReader(IKataHost host, bool agentOverVsock = true, KataTarget target = KataTarget.Union)
{
    private const string Missing = "name the configuration.toml that Kata's runtime uses";

    public KataConfigurationResult Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (target != KataTarget.Union)
        {
            var (only, found) = Read(path, KataRules.Of(target));
            var version = KataVersion.Name(target);
            KataFault[] told = [.. found.Select(f => f with { Version = version })];
            return new KataConfigurationResult(only, told, target == KataTarget.Kata113
                ? [Verdict(path, target, KataFirstClient.Runtime), Verdict(path, target, KataFirstClient.Shim)]
                : [new KataVerdict(version, target, null, only?.Vm, told)]);
        }

        KataVerdict[] verdicts = [Verdict(path, KataTarget.Kata35), Verdict(path, KataTarget.Kata41)];
        var able = verdicts.Where(v => v.Vm is not null).ToList();
        if (able.Count == 0) return new KataConfigurationResult(null, Told(verdicts[0].Faults, verdicts[1].Faults), verdicts);
        var (configuration, odd) = Read(path, able.Count == 2 ? KataRules.Both : KataRules.Of(able[0].Client));
        if (configuration is null) return new KataConfigurationResult(null, odd, verdicts);
        var refusals = verdicts.Where(v => v.Vm is null).Select(v => $"clients of Kata {v.Version} refuse the file: {v.Faults[0]}");
        var own = able.SelectMany(v => KataPool.Unserved(v.Vm!).Except(KataPool.Unserved(configuration.Vm))
            .Select(u => $"clients of Kata {v.Version} boot VMs of their own, because of {u.Key}: {u.Text}"));
        configuration = configuration with { Warnings = [.. configuration.Warnings, .. refusals, .. own] };
        return new KataConfigurationResult(configuration, [], verdicts);
    }

    private KataVerdict Verdict(string path, KataTarget client, KataFirstClient? first = null)
    {
        var (configuration, faults) = Read(path, KataRules.Of(client), first);
        var version = KataVersion.Name(client);
        return new KataVerdict(version, client, first, configuration?.Vm, [.. faults.Select(f => f with { Version = version })]);
    }

    /// <summary>What both versions say is told once.</summary>
    private static IReadOnlyList<KataFault> Told(IReadOnlyList<KataFault> older, IReadOnlyList<KataFault> newer)
    {
        var both = older.Select(Plain).Intersect(newer.Select(Plain)).ToHashSet();
        return
        [
            .. older.Select(f => both.Contains(Plain(f)) ? f with { Version = KataRules.Both.Version } : f),
            .. newer.Where(f => !both.Contains(Plain(f))),
        ];
    }

    private static KataFault Plain(KataFault fault) => fault with { Version = "" };

    private (KataConfiguration? Configuration, IReadOnlyList<KataFault> Faults) Read(
        string path, KataRules rules, KataFirstClient? first = null)
    {
        if (host.Resolve(path) is not { } file)
            return (null, [new KataFault(path, "", "", $"Cannot find usable config file (file {path} does not exist)", Missing)]);
        var (root, unreadable) = KataFileReader.Read(host, file, rules.Dialect);
        if (root is null) return (null, [unreadable!]);
        var decoder = new KataDecoder(rules, file);
        decoder.Read(file, root);
        var dropIns = Path.Combine(Path.GetDirectoryName(file)!, "config.d");
        List<KataFault> broken = [.. rules.HasDropIns ? DropIns(decoder, rules, dropIns) : []];
        List<KataFault> faults = [.. decoder.Faults, .. broken, .. decoder.NotApplied];
        var configuration = new KataLoader(rules, host, agentOverVsock, first).Load(decoder, file, faults);
        return faults.Count > 0 ? (null, [.. faults.Distinct()]) : (configuration, []);
    }

    private IEnumerable<KataFault> DropIns(KataDecoder decoder, KataRules rules, string directory)
    {
        var (files, refusal) = Listed(directory);
        if (refusal is not null) yield return refusal;
        foreach (var file in files)
        {
            var (root, fault) = KataFileReader.Read(host, file, rules.Dialect);
            if (root is not null) decoder.Read(file, root);
            else yield return fault! with { Text = $"error decoding file \"{file}\": {fault.Text}" };
        }
    }

    private (IReadOnlyList<string> Files, KataFault? Refusal) Listed(string directory)
    {
        try
        {
            return (host.DropIns(directory), null);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            var said = $"error reading \"{directory}\" directory: {fault.Message}";
            return ([], new KataFault(directory, "", "", said, "make it a directory that can be read, or take it away"));
        }
    }
}
