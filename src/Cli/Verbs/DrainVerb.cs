using System.CommandLine;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli.Verbs;

/// <summary><c>node drain</c>: the others make what the host kept warm of totals, then it gives its warm VMs up, then its leases may end.</summary>
internal static class DrainVerb
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    /// <summary>So long the others may take to make a host's shares.</summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(30);

    internal static Command Create(Globals globals, Argument<string?> node)
    {
        var wait = DurationOption.Create("--wait", "Wait at most so long until no VM of the host is leased any more");
        var warmUp = DurationOption.Create("--warm-up", "Let the other hosts make its shares of totals first, at most for so long (30s)");
        var drain = new Command("drain", "Make no more VMs on a host and give its warm ones up; leased ones are left alone") { node, wait, warmUp };
        drain.SetAction((parse, cancel) => RunAsync(globals, parse, parse.GetValue(node) ?? "", parse.GetValue(wait), parse.GetValue(warmUp) ?? WarmUp, cancel));
        return drain;
    }

    private static async Task<int> RunAsync(Globals globals, ParseResult parse, string node, TimeSpan? wait, TimeSpan warmUp, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var json = globals.Format(parse) == OutputFormat.Json;
        var watch = new Watch(client, globals.Host.Time, json ? TextWriter.Null : globals.Host.Error);
        var before = await client.GetClusterAsync(Deadlines.Query, cancel).ConfigureAwait(false);
        var name = node.Length > 0 ? node : before.Node;
        if (before.Name.Length > 0)
        {
            await client.CordonAsync(Deadlines.Query, cancel, node).ConfigureAwait(false);
            if (DrainProgress.Shares(before, name) is not null && !await watch.UntilAsync(warmUp, c => DrainProgress.Shares(c, name), cancel).ConfigureAwait(false))
                watch.Say("the other hosts are not done; the drain goes on all the same");
        }

        var drained = await client.DrainAsync(Deadlines.Release, cancel, node).ConfigureAwait(false);
        var left = drained.LeasedLeft;
        if (!json) globals.Host.Out.WriteLine($"drained: {drained.WarmGivenUp} VMs that were not handed out are given up, those that are leased are left to their holders: {left}");
        if (wait is { } most)
        {
            if (left > 0 && !await watch.UntilAsync(most, c => DrainProgress.Leases(c, name), cancel).ConfigureAwait(false)) throw StillLeased(name, most);
            left = 0;
            if (!json) globals.Host.Out.WriteLine($"no VM of {name} is leased any more");
        }

        if (json) globals.Host.Out.WriteLine(Json.Text(new DrainView(drained.WarmGivenUp, left), Json.Views.DrainView));
        return ExitCode.Ok;
    }

    private static CliException StillLeased(string node, TimeSpan most) => new(
        ExitCode.ExhaustedOrTimeout, "DEADLINE_EXCEEDED", "STILL_LEASED",
        $"{node} is drained, but VMs of it are still leased after {Durations.Exact(most)}: ask for the drain again to go on waiting, or end them (vmcache list, vmcache release)");

    /// <summary>Looks at the cluster until nothing is left to wait for, and tells what is when that changes.</summary>
    private sealed class Watch(VmCacheClient client, TimeProvider time, TextWriter progress)
    {
        private string _said = "";

        public void Say(string what)
        {
            if (_said != what) progress.WriteLine(what);
            _said = what;
        }

        /// <param name="left">What is left; null: nothing.</param>
        /// <returns>False: something was left in the end.</returns>
        public async Task<bool> UntilAsync(TimeSpan most, Func<ClusterStatus, string?> left, CancellationToken cancel)
        {
            var end = time.GetTimestamp();
            while (true)
            {
                // What a host was just told, the others hear of by and by.
                await Task.Delay(Look, time, cancel).ConfigureAwait(false);
                if (left(await client.GetClusterAsync(Deadlines.Query, cancel).ConfigureAwait(false)) is not { } what) return true;
                Say(what);
                if (time.GetElapsedTime(end) >= most) return false;
            }
        }
    }
}
