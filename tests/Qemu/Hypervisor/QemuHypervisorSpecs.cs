using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Qmp;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>Making VMs that cannot be made, and taking over those that an earlier process left.</summary>
[Trait("Category", "Qemu")]
public sealed class QemuHypervisorSpecs
{
    private static readonly CancellationToken None = CancellationToken.None;

    public static TheoryData<string, VmFailureKind, string> Broken => new()
    {
        { "no qemu", VmFailureKind.Configuration, "cannot execute /nowhere/qemu" },
        { "no kernel", VmFailureKind.Configuration, "/nowhere/vmlinuz" },
        { "no kernel in it", VmFailureKind.Configuration, "kernel" },
        { "no such cpu", VmFailureKind.Configuration, "unable to find CPU model" },
        { "too little memory", VmFailureKind.Configuration, "maxmem" },
        { "a QEMU that dies", VmFailureKind.Start, "exited with status 1" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Tells_qemus_own_words_and_leaves_nothing_when_it_does_not_start(string what, VmFailureKind kind, string words)
    {
        await using var house = new HypervisorHouse();
        var spec = HypervisorHouse.Spec();
        var broken = what switch
        {
            "no qemu" => spec with { Qemu = "/nowhere/qemu" },
            "no kernel" => spec with { Kernel = "/nowhere/vmlinuz" },
            "no kernel in it" => spec with { Kernel = "/etc/passwd" },
            "no such cpu" => spec with { CpuModel = "abacus" },
            "too little memory" => spec with { MemorySlots = 2, MaxMemoryMiB = 16 },
            _ => spec with { Qemu = "/bin/false" },
        };

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => house.Hypervisor.CreateAsync(VmId.New(), broken, None));

        Assert.Equal(kind, failed.Failure.Kind);
        Assert.Contains(words, failed.Failure.Message, StringComparison.Ordinal);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Leaves_nothing_when_the_start_is_cancelled()
    {
        await using var house = new HypervisorHouse();
        using var cancel = new CancellationTokenSource();
        // A QEMU that never makes its monitor's socket: the start can only end by being cancelled.
        var script = Path.Combine(house.Root, "silent");
        await File.WriteAllTextAsync(script, "#!/bin/sh\n: > \"$0.started\"\nexec tail -f \"$0\"\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var watcher = new FileSystemWatcher(house.Root, "silent.started");
        var started = new TaskCompletionSource();
        watcher.Created += (_, _) => started.TrySetResult();
        watcher.EnableRaisingEvents = true;
        var starting = house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec() with { Qemu = script }, cancel.Token);
        await started.Task.WaitAsync(HypervisorHouse.Patience, None);

        await cancel.CancelAsync();

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => starting);
        Assert.Equal(VmFailureKind.Start, failed.Failure.Kind);
        Assert.Contains("did not greet", failed.Failure.Message, StringComparison.Ordinal);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Takes_over_what_an_earlier_process_left()
    {
        await using var house = new HypervisorHouse();
        var mark = new VmMark(VmOwnership.Warm, HandOutPath.None, Served.Unknown, new LinuxHostClock().Now);
        VmFacts facts;
        await using (var vm = await house.BootAsync())
        {
            facts = vm.Facts;
            await vm.PauseAsync(None);
            await vm.RecordAsync(mark, None);
        }
        var later = house.Another();

        var found = Assert.Single(await later.FindAsync(None));

        Assert.Equal(new FoundVm(facts.Id, facts, mark, FoundProcess.Alive, Problem: null) { GuestCpu = found.GuestCpu }, found);
        Assert.True(found.GuestCpu > TimeSpan.Zero);
        await using var taken = await later.AttachAsync(found, None);
        Assert.True(taken.Probe().Fit, taken.Probe().Detail);
        await taken.ResumeAsync(None);
        Assert.NotEmpty((await taken.CheckAgentAsync(None)).AgentVersion);
        await taken.StopAsync(None);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Says_that_the_monitor_is_taken_when_another_process_still_holds_it()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), None);
        var found = Assert.Single(await house.Another().FindAsync(None));
        using var budget = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        foreach (var token in new[] { budget.Token, None })
        {
            var failed = await Assert.ThrowsAsync<VmFailedException>(() => house.Another().AttachAsync(found, token));

            Assert.Equal(VmFailureKind.Monitor, failed.Failure.Kind);
            Assert.Contains("taken by another client", failed.Failure.Message, StringComparison.Ordinal);
        }
        Assert.True(vm.Probe().MonitorOpen);
        await vm.StopAsync(None);
    }

    [Fact]
    public async Task Brings_back_a_vm_that_was_being_saved_and_learns_what_was_plugged_unrecorded()
    {
        await using var house = new HypervisorHouse();
        var spec = HypervisorHouse.Spec() with { MaxCpus = 2 };
        VmFacts facts;
        await using (var vm = await house.BootAsync(spec))
        {
            facts = vm.Facts;
            await vm.PauseAsync(None);
        }
        await using (var client = await QmpClient.ConnectUnixAsync(facts.Paths.Qmp))
        {
            await client.ExecuteAsync("device_add", json =>
            {
                json.WriteString("driver", "max-x86_64-cpu");
                json.WriteString("id", "unrecorded");
                json.WriteNumber("socket-id", 1);
                json.WriteNumber("core-id", 0);
                json.WriteNumber("thread-id", 0);
            });
            await client.ExecuteAsync("migrate-set-parameters", json => json.WriteNumber("max-bandwidth", 1000));
            using var file = File.OpenHandle(Path.Combine(house.Root, "half"), FileMode.Create, FileAccess.Write);
            await client.GiveFileAsync("half", file);
            await client.ExecuteAsync("migrate", json => json.WriteString("uri", "fd:half"));
        }
        var later = house.Another();

        await using var taken = await later.AttachAsync(Assert.Single(await later.FindAsync(None)), None);

        Assert.Equal(VmCondition.Saving, taken.Condition);
        Assert.Equal("it is being saved", taken.Probe().Detail);
        Assert.Equal(new VmSize(2, 256), taken.Size);
        Assert.Equal(taken.Size, Assert.Single(await later.FindAsync(None)).Size);
        await taken.PauseAsync(None);
        Assert.True(taken.Probe().Fit, taken.Probe().Detail);
        await taken.SaveAsync(Path.Combine(house.Root, "whole"), None);
        await taken.ResumeAsync(None);
        Assert.NotEmpty((await taken.CheckAgentAsync(None)).AgentVersion);
        await taken.StopAsync(None);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Brings_back_a_vm_whose_saving_process_died_when_all_was_written()
    {
        await using var house = new HypervisorHouse();
        VmFacts facts;
        await using (var vm = await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), None))
        {
            facts = vm.Facts;
            await vm.PauseAsync(None);
        }
        await using (var client = await QmpClient.ConnectUnixAsync(facts.Paths.Qmp))
        {
            using var file = File.OpenHandle(Path.Combine(house.Root, "state"), FileMode.Create, FileAccess.Write);
            await client.GiveFileAsync("state", file);
            await client.ExecuteAsync("migrate", json => json.WriteString("uri", "fd:state"));
            await Eventually.Async(
                async () => (await client.ExecuteAsync("query-status")).GetProperty("status").GetString() == "postmigrate", "it is written");
        }
        var later = house.Another();

        await using var taken = await later.AttachAsync(Assert.Single(await later.FindAsync(None)), None);
        Assert.Equal(VmCondition.Saving, taken.Condition);
        await taken.PauseAsync(None);

        Assert.Equal(VmCondition.Paused, taken.Condition);
        await taken.SaveAsync(Path.Combine(house.Root, "again"), None);
        await taken.StopAsync(None);
    }

    [Fact]
    public async Task Reaps_a_vm_and_its_directories()
    {
        await using var house = new HypervisorHouse();
        await using (await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), None))
        {
        }
        var later = house.Another();

        await later.ReapAsync(Assert.Single(await later.FindAsync(None)), None);

        house.AssertEmpty();
    }

    [Fact]
    public async Task Reaps_a_vm_whose_start_was_interrupted_before_its_record()
    {
        await using var house = new HypervisorHouse();
        await using (var vm = await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), None))
            File.Delete(Path.Combine(vm.Facts.Paths.Directory, "vm.json"));
        var later = house.Another();
        var found = Assert.Single(await later.FindAsync(None));
        Assert.Equal((true, null), (found.Alive, found.Facts));
        Assert.Contains("is missing", found.Problem, StringComparison.Ordinal);

        await later.ReapAsync(found, None);

        house.AssertEmpty();
    }

    [Fact]
    public async Task Never_ends_a_process_that_only_has_the_recorded_pid()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), None);
        var record = Path.Combine(vm.Facts.Paths.Directory, "vm.json");
        var json = await File.ReadAllTextAsync(record);
        await File.WriteAllTextAsync(record, json.Replace(
            $"\"pid\": {vm.Facts.Process.Pid}", $"\"pid\": {Environment.ProcessId}", StringComparison.Ordinal));

        var found = Assert.Single(await house.Hypervisor.FindAsync(None));

        // The record lies, and the VM's own process tells so: whose it is cannot be known.
        Assert.Equal((FoundProcess.Alive, null, vm.Facts.Process), (found.Process, found.Facts, found.Running));
        Assert.Contains($"names process {Environment.ProcessId}", found.Problem, StringComparison.Ordinal);
        await Assert.ThrowsAsync<VmFailedException>(() => house.Another().AttachAsync(found, None));
        await Assert.ThrowsAsync<VmFailedException>(() => house.Another().ReapAsync(found, None));
        await house.Another().EndQuarantinedAsync(found, None);
        house.AssertEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData("qemu64")]
    public async Task Proves_that_kvm_runs_the_guest_or_says_why_not_and_leaves_nothing(string cpuModel)
    {
        await using var house = new HypervisorHouse();
        var proof = new KvmProof(house.Options, house.ThrowAways, new LinuxHostClock());
        var spec = HypervisorHouse.Spec() with { CpuModel = cpuModel };
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);

        var verdict = await proof.ProveAsync(spec, ProofOptions.Default.Limits, limit.Token);

        Assert.NotEmpty(verdict.Reason);
        house.AssertEmpty();
        var remembered = new KvmProof(house.Options, house.ThrowAways, new LinuxHostClock()).Remembered(spec);
        Assert.Equal(verdict.Settled ? verdict : null, remembered);
        if (!File.Exists("/dev/kvm")) Assert.Equal(ProofOutcome.NoDevice, verdict.Outcome);
        Assert.Null(proof.Remembered(spec with { KernelParameters = "other" }));
        if (verdict.Accelerator == Accelerator.Kvm)
        {
            await using var vm = await house.BootAsync(spec with { Accelerator = Accelerator.Kvm });
            await vm.StopAsync(None);
        }
        else
            Assert.Contains("kvm", verdict.Reason, StringComparison.OrdinalIgnoreCase);
    }
}
