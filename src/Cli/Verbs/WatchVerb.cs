using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class WatchVerb
{
    internal static Command Create(Globals globals)
    {
        var pool = new Option<string?>("--pool") { Description = "Only this pool's events", HelpName = "NAME" };
        var after = new Option<ulong?>("--after") { Description = "The sequence number of the last event seen; goes with --epoch", HelpName = "SEQ" };
        var epoch = new Option<string?>("--epoch") { Description = "That event's epoch", HelpName = "EPOCH" };
        var verb = new Command("watch", "Tell what happens to VMs, until Ctrl-C: one line an event, with -o json one object a line") { pool, after, epoch };
        verb.SetAction((parse, cancel) =>
        {
            (string, ulong)? from = (parse.GetValue(after), parse.GetValue(epoch)) switch
            {
                ({ } sequence, { Length: > 0 } name) => (name, sequence),
                (null, null) => null,
                _ => throw CliException.Usage("--after and --epoch go together: both are of the last event seen (see 'vmcache watch -o json')"),
            };
            return RunAsync(globals, parse, parse.GetValue(pool) ?? "", from, cancel);
        });
        return verb;
    }

    private static async Task<int> RunAsync(
        Globals globals, ParseResult parse, string pool, (string, ulong)? after, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var format = globals.Format(parse);
        await foreach (var seen in client.WatchAsync(pool, after, cancel).ConfigureAwait(false))
        {
            var view = ViewOf.Event(seen);
            globals.Host.Out.WriteLine(format == OutputFormat.Json
                ? Json.Text(view, Json.Lines.WatchEventView)
                : WatchText.Of(view, format == OutputFormat.Wide));
            globals.Host.Out.Flush();
        }

        return ExitCode.Ok;
    }
}
