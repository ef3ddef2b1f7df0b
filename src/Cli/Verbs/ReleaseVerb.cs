using System.CommandLine;
using Grpc.Core;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;

namespace VmCacheCluster.Cli.Verbs;

internal static class ReleaseVerb
{
    internal static Command Create(Globals globals)
    {
        var vms = new Argument<string[]>("VM")
        {
            Description = "Leased VMs: ids, or unambiguous beginnings of them",
            Arity = ArgumentArity.OneOrMore,
        };
        var token = Tokens.Option();
        var verb = new Command("release", "Give leased VMs back: each is destroyed, and never used again") { vms, token };
        verb.SetAction((parse, cancel) => RunAsync(
            globals, parse, parse.GetRequiredValue(vms), Tokens.Of(parse, token, globals.Host), cancel));
        return verb;
    }

    /// <summary>Releases all that it can, tells each failure, and exits with the first one's status.</summary>
    private static async Task<int> RunAsync(Globals globals, ParseResult parse, string[] words, string token, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var json = globals.Format(parse) == OutputFormat.Json;
        var style = Style.For(globals.Host.ErrorIsTerminal, globals.Host.Environment);
        var exit = ExitCode.Ok;
        List<string> released = [];
        foreach (var word in words.Distinct())
        {
            try
            {
                var id = await ReleaseAsync(client, word, token, cancel).ConfigureAwait(false);
                released.Add(id);
                if (!json)
                {
                    globals.Host.Out.WriteLine($"released {id}");
                }
            }
            catch (Exception fault) when (fault is VmCacheException { Code: not StatusCode.Unavailable } or CliException)
            {
                var error = Errors.Of(fault);
                exit = exit == ExitCode.Ok ? error.ExitCode : exit;
                ErrorText.Write(globals.Host.Error, error, json, style);
            }
        }

        if (json)
        {
            globals.Host.Out.WriteLine(Json.Text(new ReleaseView(released), Json.Views.ReleaseView));
        }

        return exit;
    }

    private static async Task<string> ReleaseAsync(VmCacheClient client, string word, string token, CancellationToken cancel)
    {
        var vm = await VmLookup.FindAsync(client, word, cancel).ConfigureAwait(false);
        await client.ReleaseAsync(vm.Id, Deadlines.Release, cancel, vm.ExpiresAt is null ? "" : token).ConfigureAwait(false);
        return vm.Id;
    }
}
