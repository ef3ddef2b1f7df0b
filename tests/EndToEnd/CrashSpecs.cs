using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>kill -9 of the daemon at each of its steps; the next one starts on what is left.</summary>
[Trait("Category", "Fake")]
public sealed class CrashSpecs : HouseSpecs
{
    /// <summary>Where the daemon dies, and what a client does meanwhile.</summary>
    public static TheoryData<string, Drive> Steps()
    {
        var steps = new TheoryData<string, Drive>();
        Add(Drive.Boot, "Create", "Agent", "Check", "Pause", "Record:Warm");
        Add(Drive.Acquire, "SaveLease", "Record:Reserved", "Record:Preparing", "Assign", "Resume", "AddCpus", "Online", "Prepare", "Record:Unconfirmed");
        Add(Drive.Renew, "Record:Confirmed");
        Add(Drive.Release, "Stop");
        Add(Drive.Kata, "Record:Reserved");
        Add(Drive.KataResume, "Record:Confirmed");
        return steps;

        void Add(Drive drive, params string[] names)
        {
            foreach (var name in names)
            {
                steps.Add($"before:{name}", drive);
                steps.Add($"after:{name}", drive);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task Leaves_every_vm_owned_or_gone_and_every_lease_when_the_daemon_is_killed(string step, Drive drive)
        => await Crash.RunAsync(House, House.Fakes(2), step, drive);

    [Fact]
    public async Task Leaves_nothing_unowned_when_the_daemon_is_killed_between_fork_and_record()
    {
        var armed = House.Write("armed", "");
        var qemu = House.Script("qemu", $"""
            #!/bin/sh
            case "$*" in *-qmp*|*-chardev*) if [ -e "{armed}" ]; then rm "{armed}"; kill -9 $PPID; fi;; esac
            exec "{Dist.FakeQemu}" "$@"

            """);
        var settings = House.Fakes(1).Replace(Dist.FakeQemu, qemu, StringComparison.Ordinal);
        var doomed = House.Start(settings);
        Assert.NotEqual(0, await doomed.ExitedAsync());

        await Crash.AssertWholeAsync(House, House.Start(settings));
    }
}
