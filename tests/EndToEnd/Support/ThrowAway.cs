using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>A moment in the life of a VM that is thrown away: one that proves KVM, or that is to become a template.</summary>
public enum Moment { ProofLaunched, ProofSilent, ProofBooting, TemplateLaunched, TemplateSilent, TemplateBooting, TemplateSaving }

/// <summary>A daemon that is at such a moment: its fake QEMU stays there.</summary>
internal sealed class ThrowAway(House house, Moment moment)
{
    private bool Proof => moment is Moment.ProofLaunched or Moment.ProofSilent or Moment.ProofBooting;

    private bool AtLaunch => moment is Moment.ProofLaunched or Moment.TemplateLaunched;

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

        var status = await daemon.ExitedAsync();
        Assert.Contains("listens on", daemon.Log, StringComparison.Ordinal);
        return status;
    }

    private string Settings(int signal, string bootTimeout)
    {
        var settings = house.Fakes(Proof ? 0 : 1, Directives()).Replace("boot-timeout = 30s", $"boot-timeout = {bootTimeout}", StringComparison.Ordinal);
        if (AtLaunch) settings = settings.Replace(Dist.FakeQemu, Signalling(signal), StringComparison.Ordinal);
        return settings + $$"""

            stop { quit = 1s, term = 1s, kill = 1s }
            template-dir = "{{Templates}}"
            pool-defaults { {{(Proof ? "accelerator = auto" : "refill = clone")}} }
            """;
    }

    private string[] Directives() => moment switch
    {
        Moment.ProofSilent or Moment.TemplateSilent => ["greeting=never"],
        Moment.TemplateSaving => ["hang-on=migrate"],
        // A kernel that says nothing is given up soon.
        _ => ["agent=never", "console=Linux version 6.1"],
    };

    /// <summary>A QEMU that signals to the daemon before it does anything else: between its fork and its record.</summary>
    private string Signalling(int signal) => house.Script("qemu", $"""
        #!/bin/sh
        until [ -s "{PidFile}" ]; do :; done
        kill -{signal} "$(cat "{PidFile}")"
        exec "{Dist.FakeQemu}" "$@"

        """);

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
