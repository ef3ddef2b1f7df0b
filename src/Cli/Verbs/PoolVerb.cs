using System.CommandLine;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Cli.Verbs;

internal static class PoolVerb
{
    /// <summary>The daemon reads it whole, and answers in one message.</summary>
    private const int LargestFile = 1 << 20;

    internal static Command Create(Globals globals)
    {
        var file = new Option<string>("--file", "-f") { Description = "HOCON: vmcache.pools { NAME { ... } }; - for standard input", Required = true, HelpName = "FILE" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Check it, and say what would be" };
        var name = new Argument<string>("POOL") { Description = "Its name" };
        var apply = new Command("apply", "Make pools, or change them, on every host of the cluster; VMs are replaced by and by") { file, dryRun };
        apply.SetAction((parse, cancel) => ApplyAsync(globals, parse, parse.GetRequiredValue(file), parse.GetValue(dryRun), cancel));
        var list = new Command("list", "Show all pools of this host, and where each comes from: applied to the cluster, or vmcache.conf");
        list.SetAction((parse, cancel) => ListAsync(globals, parse, cancel));
        var get = new Command("get", "Print a pool that was applied, as a file for 'apply'") { name };
        get.SetAction((parse, cancel) => GetAsync(globals, parse, parse.GetRequiredValue(name), cancel));
        var delete = new Command("delete", "Take a pool that was applied away from every host of the cluster; leased VMs are left alone") { name };
        delete.SetAction((parse, cancel) => DeleteAsync(globals, parse, parse.GetRequiredValue(name), cancel));
        return new Command("pool", "The pools of the whole cluster") { apply, list, get, delete };
    }

    private static async Task<int> ApplyAsync(Globals globals, ParseResult parse, string file, bool dryRun, CancellationToken cancel)
    {
        var text = await ReadAsync(file, globals.Host.OpenIn, cancel).ConfigureAwait(false);
        using var client = globals.Connect(parse);
        var response = await client.ApplyPoolsAsync(text, dryRun, Deadlines.Release, cancel).ConfigureAwait(false);
        Write(globals, parse, new PoolChangesView(dryRun, [.. response.Changes.Select(c => new PoolChangeView(c.Pool, Words.Of(c.Kind)))]));
        return ExitCode.Ok;
    }

    private static async Task<int> DeleteAsync(Globals globals, ParseResult parse, string pool, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        await client.DeletePoolAsync(pool, Deadlines.Release, cancel).ConfigureAwait(false);
        Write(globals, parse, new PoolChangesView(false, [new PoolChangeView(pool, "deleted")]));
        return ExitCode.Ok;
    }

    private static async Task<int> ListAsync(Globals globals, ParseResult parse, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var view = ViewOf.Applied(await client.GetPoolsAsync(Deadlines.Query, cancel).ConfigureAwait(false));
        globals.Host.Out.Write(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(view, Json.Views.AppliedPoolsView) + "\n"
            : PoolText.List(view, DateTimeOffset.UtcNow, globals.OutStyle));
        return ExitCode.Ok;
    }

    private static async Task<int> GetAsync(Globals globals, ParseResult parse, string pool, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var view = ViewOf.Applied(await client.GetPoolsAsync(Deadlines.Query, cancel).ConfigureAwait(false));
        var found = view.Pools.FirstOrDefault(p => p.Pool == pool) ?? throw new CliException(
            ExitCode.NotFound, "NOT_FOUND", "UNKNOWN_POOL",
            $"no pool '{pool}' was applied; {(view.Pools.Count > 0 ? $"there is: {string.Join(", ", view.Pools.Select(p => p.Pool))}" : "none was")}");
        globals.Host.Out.Write(globals.Format(parse) == OutputFormat.Json ? Json.Text(view with { Pools = [found] }, Json.Views.AppliedPoolsView) + "\n" : PoolText.Of(found));
        return ExitCode.Ok;
    }

    private static void Write(Globals globals, ParseResult parse, PoolChangesView view)
        => globals.Host.Out.Write(globals.Format(parse) == OutputFormat.Json ? Json.Text(view, Json.Views.PoolChangesView) + "\n" : PoolText.Changes(view));

    private static async Task<string> ReadAsync(string file, Func<Stream> openIn, CancellationToken cancel)
    {
        try
        {
            if (file != "-") return RegularFile.ReadText(file, LargestFile);
            await using var stream = openIn();
            using var reader = new StreamReader(stream, new System.Text.UTF8Encoding(false, true));
            var text = new char[LargestFile + 1];
            var read = await reader.ReadBlockAsync(text, cancel).ConfigureAwait(false);
            return read <= LargestFile ? new string(text, 0, read) : throw CliException.Usage($"{file} is larger than {LargestFile >> 10} KiB: is it a file of pools?");
        }
        catch (System.Text.DecoderFallbackException)
        {
            throw CliException.Usage($"{file} is not UTF-8 text");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"{file} cannot be read: {e.Message}");
        }
    }
}
