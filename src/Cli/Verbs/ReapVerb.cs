using System.CommandLine;
using Grpc.Core;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;

namespace VmCacheCluster.Cli.Verbs;

/// <summary><c>node reap</c>: ends VMs of which the daemon cannot know whose they are.</summary>
internal static class ReapVerb
{
    internal static Command Create(Globals globals)
    {
        var vms = new Argument<string[]>("VM")
        {
            Description = "Quarantined VMs, as 'vmcache status' shows them: ids, or unambiguous beginnings of them",
            Arity = ArgumentArity.OneOrMore,
        };
        var verb = new Command("reap", "End quarantined VMs, whoever may hold them: their processes and their files go") { vms };
        verb.SetAction((parse, cancel) => RunAsync(globals, parse, parse.GetRequiredValue(vms), cancel));
        return verb;
    }

    /// <summary>Ends all that it can, tells each failure, and exits with the first one's status.</summary>
    private static async Task<int> RunAsync(Globals globals, ParseResult parse, string[] words, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var json = globals.Format(parse) == OutputFormat.Json;
        var style = Style.For(globals.Host.ErrorIsTerminal, globals.Host.Environment);
        var status = await client.GetStatusAsync(Deadlines.Query, cancel).ConfigureAwait(false);
        var known = status.Quarantined.Select(q => q.Id).ToList();
        var exit = ExitCode.Ok;
        List<string> reaped = [];
        foreach (var word in words.Distinct())
        {
            try
            {
                var id = Resolve(word, known);
                await client.ReapAsync(id, Deadlines.Release, cancel).ConfigureAwait(false);
                reaped.Add(id);
                if (!json) globals.Host.Out.WriteLine($"reaped {id}");
            }
            catch (Exception fault) when (fault is VmCacheException { Code: not StatusCode.Unavailable } or CliException)
            {
                var error = Errors.Of(fault);
                exit = exit == ExitCode.Ok ? error.ExitCode : exit;
                ErrorText.Write(globals.Host.Error, error, json, style);
            }
        }

        if (json) globals.Host.Out.WriteLine(Json.Text(new ReapView(reaped), Json.Views.ReapView));
        return exit;
    }

    private static string Resolve(string word, IReadOnlyList<string> known) => known.Any(id => id.StartsWith(word, StringComparison.Ordinal))
        ? VmLookup.Resolve(word, known)
        : throw new CliException(
            ExitCode.NotFound, "NOT_FOUND", "VM_NOT_FOUND", $"no VM '{word}' is quarantined on this host (see 'vmcache status'); 'vmcache release' ends one that is leased");
}
