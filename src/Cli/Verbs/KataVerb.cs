using System.CommandLine;
using VmCacheCluster.Cli.Doctor;
using VmCacheCluster.Cli.Kata;
using VmCacheCluster.Cli.Output;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Cli.Verbs;

internal static class KataVerb
{
    private static readonly TimeSpan ConfigLimit = TimeSpan.FromSeconds(5);

    internal static Command Create(Globals globals)
    {
        var file = new Argument<string>("FILE") { Description = "Kata's configuration.toml; its drop-ins in config.d beside it are read too" };
        file.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: "" }]) result.AddError("FILE is empty: name Kata's configuration.toml");
        });
        var transport = new Option<string>("--agent-transport")
        {
            Description = "How the guests' agents are reached; over vsock the host needs /dev/vhost-vsock",
            HelpName = "vsock|serial",
            DefaultValueFactory = _ => "vsock",
        };
        transport.AcceptOnlyFromAmong("vsock", "serial", "virtio-serial");
        var version = new Option<KataAsked>("--kata-version")
        {
            Description = $"Whose configuration it is: {KataVersion.Choices}. In that of 1.13 the file itself says how agents are reached",
            HelpName = "auto|VERSION",
            DefaultValueFactory = _ => new KataAsked(KataTarget.Union, ""),
            CustomParser = result =>
            {
                var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                if (KataVersion.Ask(text) is { } asked) return asked;
                result.AddError($"--kata-version '{text}' is no version whose clients can be served: give {KataVersion.Choices}");
                return null;
            },
        };
        var live = new Option<bool>("--live") { Description = "Compare with what vmcached serves at the endpoint, not with what a server would send for this file" };
        var check = new Command("check", "Check Kata's configuration, and say which of its clients would take a VM and which boot their own, and why") { file, transport, version, live };
        check.SetAction((parse, cancel) => CheckAsync(
            globals, parse, parse.GetRequiredValue(file), parse.GetRequiredValue(transport) == "vsock", parse.GetRequiredValue(version), parse.GetValue(live), cancel));
        var doctor = new Command("doctor", "Say what happens, step by step, when a client of Kata starts a sandbox with this file") { file, transport, version };
        doctor.SetAction((parse, cancel) => DoctorAsync(
            globals, parse, parse.GetRequiredValue(file), parse.GetRequiredValue(transport) == "vsock", parse.GetRequiredValue(version), cancel));
        return new Command("kata", "What concerns the clients of Kata Containers") { check, doctor };
    }

    private static async Task<int> CheckAsync(Globals globals, ParseResult parse, string file, bool vsock, KataAsked asked, bool live, CancellationToken cancel)
    {
        var (host, target) = (new LinuxKataHost(), asked.Target);
        var read = new KataConfigurationReader(host, vsock, target).Read(Path.GetFullPath(file));
        if (read.Configuration is not { } configuration) return Faulty(globals, parse, file, read.Faults);
        if (asked.Limit.Length > 0) configuration = configuration with { Warnings = [asked.Limit, .. configuration.Warnings] };
        var served = live ? await ServedAsync(globals, parse, cancel).ConfigureAwait(false) : null;
        var clients = KataCheck.Clients(read, served, target);
        var making = MakingOf(configuration, vsock, host, target);
        var agree = making.Made && KataCheck.Agree(clients, target);
        var fields = KataCheck.Fields(configuration.Vm, target);
        globals.Host.Out.Write(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(KataText.View(file, configuration, clients, making, fields, agree), Json.Views.KataCheckView) + "\n"
            : KataText.Of(configuration, clients, making, fields));
        return agree ? ExitCode.Ok : ExitCode.Failed;
    }

    private static async Task<int> DoctorAsync(Globals globals, ParseResult parse, string file, bool vsock, KataAsked wanted, CancellationToken cancel)
    {
        var (host, target) = (new LinuxKataHost(), wanted.Target);
        var read = new KataConfigurationReader(host, vsock, target).Read(Path.GetFullPath(file));
        var server = read.Configuration is { } asked ? await ServerAsync(asked.Factory.VmCacheEndpoint, cancel).ConfigureAwait(false) : new KataServer(null);
        var making = read.Configuration is { } made ? MakingOf(made, vsock, host, target) : null;
        var forecasts = KataCheck.Clients(read, server.Config, target)
            .Select(client => new KataForecast(client.Generation, KataForecast.Foresee(Start(parse, file, target), client, read.Configuration, making, server)))
            .Select(forecast => wanted.Limit.Length == 0 ? forecast : forecast with { Steps = [new Check("is this version", Verdict.Warn, wanted.Limit), .. forecast.Steps] })
            .ToList();
        globals.Host.Out.Write(globals.Format(parse) == OutputFormat.Json
            ? Json.Text(KataText.View(file, forecasts), Json.Views.KataDoctorView) + "\n"
            : KataText.Of(forecasts, globals.OutStyle));
        return KataForecast.Works(forecasts) ? ExitCode.Ok : ExitCode.Failed;
    }

    /// <summary>The daemon's command line for this file, as it was asked about here.</summary>
    private static string Start(ParseResult parse, string file, KataTarget target) =>
        $"vmcached --kata-config {file}{(target == KataTarget.Union ? "" : $" --kata-version {KataVersion.Name(target)}")}"
        + (parse.GetValue<string>("--agent-transport") is { } transport and not "vsock" ? $" --agent-transport {transport}" : "");

    private static KataMaking MakingOf(KataConfiguration configuration, bool vsock, IKataHost host, KataTarget target) => KataCheck.Making(
        configuration.Vm, (configuration.Vm.First?.UseVsock ?? vsock) ? AgentTransport.Vsock : AgentTransport.VirtioSerial, host, target);

    /// <summary>Kata's clients ask at the file's own endpoint, and so does this.</summary>
    private static async Task<KataServer> ServerAsync(string endpoint, CancellationToken cancel)
    {
        try
        {
            using var client = VmCacheClient.Open(endpoint);
            var config = await client.ConfigAsync(ConfigLimit, cancel).ConfigureAwait(false);
            return new KataServer(null, config, await PoolAsync(client, endpoint, cancel).ConfigureAwait(false));
        }
        catch (VmCacheException fault)
        {
            return new KataServer(fault);
        }
        catch (ArgumentException fault)
        {
            return new KataServer(new VmCacheException(Grpc.Core.StatusCode.InvalidArgument, Reasons.NoSocket, fault.Message, fault));
        }
    }

    /// <returns>Null: the server is not vmcached, or tells nothing of it.</returns>
    private static async Task<PoolStatus?> PoolAsync(VmCacheClient client, string endpoint, CancellationToken cancel)
    {
        try
        {
            return (await client.GetStatusAsync(ConfigLimit, cancel).ConfigureAwait(false)).Pools.FirstOrDefault(p => p.Endpoint == endpoint);
        }
        catch (VmCacheException)
        {
            return null;
        }
    }

    private static async Task<GrpcVMConfig> ServedAsync(Globals globals, ParseResult parse, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        return await client.ConfigAsync(ConfigLimit, cancel).ConfigureAwait(false);
    }

    private static int Faulty(Globals globals, ParseResult parse, string file, IReadOnlyList<KataFault> faults)
    {
        if (globals.Format(parse) == OutputFormat.Json) globals.Host.Out.WriteLine(Json.Text(KataText.View(file, faults), Json.Views.KataCheckView));
        else
        {
            foreach (var fault in faults) globals.Host.Error.WriteLine($"vmcache: {Table.OneLine(fault.ToString())}");
        }

        return ExitCode.Failed;
    }
}
