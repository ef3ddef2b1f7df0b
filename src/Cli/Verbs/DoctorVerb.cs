using System.CommandLine;
using VmCacheCluster.Cli.Doctor;
using VmCacheCluster.Cli.Output;

namespace VmCacheCluster.Cli.Verbs;

internal static class DoctorVerb
{
    internal static Command Create(Globals globals)
    {
        var qemu = new Option<string>("--qemu")
        {
            Description = "QEMU's binary: a path, or a name to look for in PATH",
            HelpName = "PATH",
            DefaultValueFactory = _ => "qemu-system-x86_64",
        };
        var runDirectory = new Option<string?>("--run-dir")
        {
            Description = $"vmcached's run directory (else the one that it names, else {HostReader.UsualRunDirectory})",
            HelpName = "DIR",
        };
        var templates = new Option<string?>("--template-dir")
        {
            Description = "vmcached's template directory (else the one that it names, else templates in its run directory)",
            HelpName = "DIR",
        };
        var guest = new Option<string?>("--guest")
        {
            Description = "Directory of the embedded guest's kernel and initramfs (else beside vmcache, else where a package puts it)",
            HelpName = "DIR",
        };
        var retryKvm = new Option<bool>("--retry-kvm")
        {
            Description = "First have the running vmcached forget that KVM refused guests, and prove it anew",
        };
        var verb = new Command("doctor", "Check what vmcached needs on this host, and say what to do; works without the daemon")
        {
            qemu,
            runDirectory,
            templates,
            guest,
            retryKvm,
        };
        verb.SetAction(async (parse, cancel) =>
        {
            using var client = globals.Connect(parse);
            Check[] retried = parse.GetValue(retryKvm) ? [await KvmRetry.RunAsync(client, cancel).ConfigureAwait(false)] : [];
            var facts = await HostReader.ReadAsync(
                client, parse.GetRequiredValue(qemu), parse.GetValue(runDirectory), parse.GetValue(templates),
                parse.GetValue(guest), globals.Host.Environment, cancel).ConfigureAwait(false);
            return Report(globals, parse, client.Endpoint, [.. retried, .. Checks.All(facts)]);
        });
        return verb;
    }

    private static int Report(Globals globals, ParseResult parse, string endpoint, IReadOnlyList<Check> checks)
    {
        var ok = checks.All(c => c.Verdict != Verdict.Fail);
        if (globals.Format(parse) == OutputFormat.Json)
        {
            var view = new DoctorView(ok, endpoint, [.. checks.Select(DoctorText.View)]);
            globals.Host.Out.WriteLine(Json.Text(view, Json.Views.DoctorView));
        }
        else
        {
            globals.Host.Out.Write(DoctorText.Of(checks, globals.OutStyle));
        }

        return ok ? ExitCode.Ok : ExitCode.Failed;
    }
}
