using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>A moment in the life of a VM that is thrown away: one that proves KVM, or that is to become a template.</summary>
public enum Moment { ProofLaunched, ProofSilent, ProofBooting, TemplateLaunched, TemplateSilent, TemplateBooting, TemplateSaving, CloneLaunched }

/// <summary>A daemon that is at such a moment. A fake QEMU stays there.</summary>
/// <param name="real">With real QEMU, which proves KVM under TCG; a moment at which it does not stay is hit roughly.</param>
internal sealed class ThrowAway(House house, Moment moment, bool real = false)
{
    private bool Proof => moment is Moment.ProofLaunched or Moment.ProofSilent or Moment.ProofBooting;

    private bool AtLaunch => moment is Moment.ProofLaunched or Moment.TemplateLaunched or Moment.CloneLaunched;

    private string PidFile => house.At("pid");

    private string Templates => house.At("templates");

    /// <summary>Ends the daemon by a signal at that moment; returns its exit status.</summary>
    /// <param name="bootTimeout">Twice that a template may take.</param>
    public async Task<int> EndDaemonAsync(int signal, string bootTimeout)
    {
        var settings = Settings(signal, bootTimeout);
        var daemon = Proof ? house.StartWithKvm(settings) : house.Start(settings);
        house.Write("pid.new", $"{daemon.Pid}");
        File.Move(house.At("pid.new"), PidFile);
        if (!AtLaunch)
        {
            await Eventually.Async(IsThere, $"{moment} is reached", () => daemon.Log);
            daemon.Signal(signal);
        }

        return await daemon.ExitedAsync();
    }

    private string Settings(int signal, string bootTimeout)
    {
        var number = Proof ? 0 : 1;
        return (real ? House.RealVms(number) : house.Fakes(number, Directives())) + $$"""

            stop { quit = 1s, term = 1s, kill = 5s }
            template-dir = "{{Templates}}"
            boot-timeout = {{bootTimeout}}
            pool-defaults {
              {{(Proof ? "accelerator = auto" : "refill = clone")}}
              qemu = "{{Qemu(signal)}}"
            }
            """;
    }

    private string[] Directives() => moment switch
    {
        Moment.ProofSilent or Moment.TemplateSilent => ["greeting=never"],
        Moment.TemplateSaving => ["hang-on=migrate"],
        // A kernel that says nothing is given up soon.
        _ => ["agent=never", "console=Linux version 6.1"],
    };

    /// <summary>At a launch it signals to the daemon before it does anything else: between its fork and its record.</summary>
    private string Qemu(int signal)
    {
        var atLaunch = moment switch { Moment.CloneLaunched => "*-incoming*", _ => AtLaunch ? "*" : "never" };
        return house.Script("qemu", $"""
            #!/bin/sh
            case "$*" in
              {atLaunch}) until [ -s "{PidFile}" ]; do :; done; kill -{signal} "$(cat "{PidFile}")" ;;
            esac
            for word; do
              shift
              case "$word" in kvm) word=tcg ;; host) word=max ;; esac
              set -- "$@" "$word"
            done
            exec $VMCACHE_RUN_AS "{(real ? "/usr/bin/qemu-system-x86_64" : Dist.FakeQemu)}" "$@"

            """);
    }

    private bool IsThere() => house.VmProcesses().Count > 0 && moment switch
    {
        Moment.ProofSilent or Moment.TemplateSilent => Files(house.RunDirectory, "pid").Any(),
        Moment.TemplateSaving => Files(Templates, "state").Any(),
        _ => Files(house.RunDirectory, "vm.json").Any(IsOfItsQemu),
    };

    private static bool IsOfItsQemu(string record)
    {
        var pid = Read(Path.Combine(Path.GetDirectoryName(record)!, "pid")).Trim();
        return pid.Length > 0 && Read(record).Contains($"\"pid\": {pid}", StringComparison.Ordinal);
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static IEnumerable<string> Files(string directory, string name)
    {
        try
        {
            return Directory.Exists(directory) ? Directory.GetFiles(directory, name, SearchOption.AllDirectories) : [];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }
}
