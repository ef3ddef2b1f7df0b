using System.CommandLine;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class RenewVerb
{
    internal static Command Create(Globals globals)
    {
        var word = new Argument<string>("VM") { Description = "A VM taken by acquire: its id, or an unambiguous beginning of it" };
        var token = Tokens.Option();
        var ttl = DurationOption.Create("--ttl", "How long the lease is to live from now on (else as before)");
        var verb = new Command("renew", "Prolong a lease, from now on") { word, token, ttl };
        verb.SetAction((parse, cancel) => RunAsync(
            globals, parse, parse.GetRequiredValue(word), Tokens.Require(parse, token, globals.Host), parse.GetValue(ttl), cancel));
        return verb;
    }

    private static async Task<int> RunAsync(
        Globals globals, ParseResult parse, string word, string token, TimeSpan? ttl, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var vm = await VmLookup.FindAsync(client, word, cancel).ConfigureAwait(false);
        var lease = await client.RenewAsync(vm.Id, token, ttl, Deadlines.Query, cancel).ConfigureAwait(false);
        var view = new RenewView(vm.Id, lease.ExpiresAt.ToDateTimeOffset(), lease.Ttl.ToTimeSpan().TotalSeconds);
        globals.Host.Out.WriteLine(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(view, Json.Views.RenewView)
            : $"renewed {vm.Id} for {Durations.Exact(lease.Ttl.ToTimeSpan())}, until {Durations.Moment(view.ExpiresAt)}");
        return ExitCode.Ok;
    }
}
