using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Cli.Verbs;

namespace VmCacheCluster.Cli;

/// <summary>The command line as a whole: parse, run the verb, tell errors.</summary>
internal static class CliApp
{
    /// <summary>A verb with those above it, such as "vmcache kata check".</summary>
    private static string Path(CommandResult verb) => verb.Parent is CommandResult { Command: not RootCommand } above
        ? $"{Path(above)} {verb.Command.Name}" : $"vmcache {verb.Command.Name}";

    internal static async Task<int> RunAsync(string[] args, CliHost process, CancellationToken cancel)
    {
        var host = process with { Out = new PrintableWriter(process.Out), Error = new PrintableWriter(process.Error) };
        var globals = new Globals(host);
        // A word that starts with '@' is a word: it may well be an argument of a command in a VM.
        var parse = Build(globals).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.Action is ParseErrorAction)
        {
            var verb = parse.CommandResult.Command;
            var help = verb is RootCommand ? "vmcache --help" : $"{Path(parse.CommandResult)} --help";
            var errors = string.Join("; ", parse.Errors.Select(e => e.Message.TrimEnd('.')).Distinct());
            return Fail(CliException.Usage($"{errors} (see '{help}')"), WantsJson(args), host);
        }

        try
        {
            var configuration = new InvocationConfiguration
            {
                Output = host.Out,
                Error = host.Error,
                EnableDefaultExceptionHandler = false,
                // Signals are Program's.
                ProcessTerminationTimeout = null,
            };
            return await parse.InvokeAsync(configuration, cancel).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            return Fail(Errors.Of(fault), globals.Format(parse) == OutputFormat.Json, host);
        }
    }

    private static RootCommand Build(Globals globals)
    {
        var root = new RootCommand($"vmcache: the VMs that vmcached keeps warm on this host.\n\n{ExitCode.Help}")
        {
            StatusVerb.Create(globals),
            AcquireVerb.Create(globals),
            RenewVerb.Create(globals),
            GetBaseVmVerb.Create(globals),
            ResumeVerb.Create(globals),
            ExecVerb.Create(globals),
            ConnectVerb.Create(globals),
            ReleaseVerb.Create(globals),
            ListVerb.Create(globals),
            WatchVerb.Create(globals),
            PoolVerb.Create(globals),
            NodeVerb.Create(globals),
            ClusterVerb.Create(globals),
            DoctorVerb.Create(globals),
            KataVerb.Create(globals),
        };
        root.Options.Add(globals.EndpointOption);
        root.Options.Add(globals.OutputOption);
        foreach (var option in globals.TlsOptions) root.Options.Add(option);
        root.SetAction(parse => new HelpAction().Invoke(parse));
        return root;
    }

    private static int Fail(CliException error, bool json, CliHost host)
    {
        host.Out.Flush();
        if (error.ExitCode == ExitCode.BrokenPipe)
        {
            // The reader had enough: nothing went wrong.
            return error.ExitCode;
        }

        ErrorText.Write(host.Error, error, json, Style.For(host.ErrorIsTerminal, host.Environment));
        return error.ExitCode;
    }

    /// <summary>For a command line that could not be parsed.</summary>
    private static bool WantsJson(string[] args)
    {
        var own = args.TakeWhile(a => a != "--").ToList();
        return own.Any(a => a is "-ojson" or "-o=json" or "--output=json" or "-o:json" or "--output:json")
            || own.Zip(own.Skip(1)).Any(pair => pair is ("-o" or "--output", "json"));
    }
}
