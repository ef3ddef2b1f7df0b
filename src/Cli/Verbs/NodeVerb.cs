using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class NodeVerb
{
    internal static Command Create(Globals globals)
    {
        var node = new Argument<string?>("NODE") { Description = "Its name (see 'vmcache node list'); else the one that is asked", Arity = ArgumentArity.ZeroOrOne };
        var drain = new Command("drain", "Make no more VMs on a host and give its warm ones up; leased ones are left alone") { node };
        drain.SetAction((parse, cancel) => DrainAsync(globals, parse, parse.GetValue(node) ?? "", cancel));
        var cordon = new Command("cordon", "Keep no more VMs warm on a host than it has, and give none to callers of other hosts") { node };
        cordon.SetAction((parse, cancel) => CordonAsync(globals, parse, parse.GetValue(node) ?? "", true, cancel));
        var uncordon = new Command("uncordon", "Undo a cordon or a drain") { node };
        uncordon.SetAction((parse, cancel) => CordonAsync(globals, parse, parse.GetValue(node) ?? "", false, cancel));
        var list = new Command("list", "Show the hosts of the cluster");
        list.SetAction((parse, cancel) => ClusterVerb.StatusAsync(globals, parse, ClusterText.Hosts, cancel));
        return new Command("node", "What concerns one host as a whole") { drain, cordon, uncordon, list };
    }

    private static async Task<int> CordonAsync(Globals globals, ParseResult parse, string node, bool on, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        await (on ? client.CordonAsync(Deadlines.Query, cancel, node) : client.UncordonAsync(Deadlines.Query, cancel, node)).ConfigureAwait(false);
        globals.Host.Out.WriteLine(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(new CordonView(on), Json.Views.CordonView)
            : on ? "cordoned: no more VMs are kept warm than there are" : "uncordoned: VMs are kept warm again");
        return ExitCode.Ok;
    }

    private static async Task<int> DrainAsync(Globals globals, ParseResult parse, string node, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var drained = await client.DrainAsync(Deadlines.Release, cancel, node).ConfigureAwait(false);
        var view = new DrainView(drained.WarmGivenUp, drained.LeasedLeft);
        globals.Host.Out.WriteLine(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(view, Json.Views.DrainView)
            : $"drained: {view.WarmGivenUp} VMs that were not handed out are given up, {view.LeasedLeft} leased ones are left to their holders");
        return ExitCode.Ok;
    }
}
