using System.Diagnostics;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Qmp;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>One VM's life with real QEMU and the embedded guest.</summary>
[Trait("Category", "Qemu")]
public sealed class QemuVmSpecs
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(MachineType.Q35)]
    [InlineData(MachineType.Pc)]
    public async Task Boots_answers_pauses_resumes_and_leaves_nothing_when_stopped(MachineType machine)
    {
        await using var house = new HypervisorHouse();
        await using var vm = await house.BootAsync(HypervisorHouse.Spec() with { Machine = machine });

        var agent = await vm.CheckAgentAsync(None);
        Assert.NotEmpty(agent.AgentVersion);
        Assert.Contains("Linux version", await vm.ReadConsoleAsync(None), StringComparison.Ordinal);
        Assert.Contains("Linux version", await vm.ReadConsoleAsync(None), StringComparison.Ordinal);
        Assert.Equal("it is running", vm.Probe().Detail);

        await vm.PauseAsync(None);
        await vm.PauseAsync(None);
        Assert.True(vm.Probe().Fit);

        await vm.ResumeAsync(None);
        Assert.False(vm.Probe().Paused);
        Assert.Equal(agent, await vm.CheckAgentAsync(None));

        await vm.StopAsync(None);
        await vm.StopAsync(None);
        house.AssertEmpty();
        Assert.False(vm.Probe().ProcessAlive);
        var events = await ReadToEndAsync(vm);
        Assert.Equal(new VmEvent.Stopped(), events[0]);
        Assert.Equal(new VmEvent.Resumed(ByUs: true), events[1]);
        Assert.Equal(new VmEvent.Shutdown("host-qmp-quit", ByGuest: false), events.OfType<VmEvent.Shutdown>().Single());
        Assert.Equal("exited with status 0", Assert.IsType<VmEvent.Exited>(events[^1]).How);
        Assert.DoesNotContain(events, happened => happened is VmEvent.MonitorLost);
    }

    [Fact]
    public async Task Tells_a_resume_of_the_client_from_one_of_its_own()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await house.BootAsync();
        await vm.PauseAsync(None);
        Assert.IsType<VmEvent.Stopped>(await NextAsync(vm));

        await using (var client = await QmpClient.ConnectUnixAsync(vm.Facts.Paths.Qmp))
            await client.ExecuteAsync("cont");

        Assert.Equal(new VmEvent.Resumed(ByUs: false), await NextAsync(vm));
        Assert.False(vm.Probe().Paused);
        await vm.StopAsync(None);
    }

    [Fact]
    public async Task Sees_at_once_that_its_process_was_killed()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await house.BootAsync();
        await vm.PauseAsync(None);

        using (var process = Process.GetProcessById(vm.Facts.Process.Pid)) process.Kill();

        var events = await ReadToEndAsync(vm);
        Assert.Equal("was killed by signal 9 (SIGKILL)", Assert.IsType<VmEvent.Exited>(events[^1]).How);
        Assert.DoesNotContain(events, happened => happened is VmEvent.MonitorLost);
        Assert.Equal((false, "its process is gone"), (vm.Probe().Fit, vm.Probe().Detail));
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Ends_with_the_guest_once_it_was_paused()
    {
        // Before, -no-shutdown keeps QEMU, so that the console of a failed boot can be read; a leased VM must not linger.
        await using var house = new HypervisorHouse();
        await using var vm = await house.BootAsync();
        await vm.PauseAsync(None);
        await vm.ResumeAsync(None);

        await using (var client = await QmpClient.ConnectUnixAsync(vm.Facts.Paths.Qmp))
            await client.ExecuteAsync("system_reset");

        var events = await ReadToEndAsync(vm);
        Assert.Contains(events, happened => happened is VmEvent.Shutdown);
        Assert.IsType<VmEvent.Exited>(events[^1]);
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Says_that_its_guest_went_down_when_the_kernel_panicked()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await house.BootAsync();
        await vm.PauseAsync(None);
        await vm.ResumeAsync(None);

        await using var guest = await vm.OpenGuestAsync(None);
        await using var program = await guest.ExecAsync(new GuestCommand(
            ["sh", "-c", "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"], new Dictionary<string, string>(), "", TimeSpan.FromMinutes(1)), None);

        var exited = Assert.IsType<VmEvent.Exited>((await ReadToEndAsync(vm))[^1]);
        Assert.Matches("^exited with status 0, for its guest('s kernel panicked| went down \\(guest-reset\\))$", exited.How);
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Tells_the_last_console_lines_when_the_guest_dies_at_boot()
    {
        await using var house = new HypervisorHouse();
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        var spec = HypervisorHouse.Spec();
        await using var vm = await house.Hypervisor.CreateAsync(
            VmId.New(), spec with { KernelParameters = spec.KernelParameters + " rdinit=/no-such-init root=/dev/none" }, limit.Token);

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => vm.WaitForAgentAsync(limit.Token));

        Assert.Equal(VmFailureKind.Boot, failed.Failure.Kind);
        Assert.Contains("Kernel panic", failed.Failure.Message, StringComparison.Ordinal);
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Tells_the_last_console_lines_when_the_agent_does_not_answer_in_time()
    {
        await using var house = new HypervisorHouse();
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        await using var vm = await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), limit.Token);
        using var tooShort = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => vm.WaitForAgentAsync(tooShort.Token));

        Assert.Equal(VmFailureKind.Boot, failed.Failure.Kind);
        Assert.Contains("did not answer within boot-timeout", failed.Failure.Message, StringComparison.Ordinal);
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [Fact]
    public async Task Is_killed_when_neither_its_monitor_nor_it_listens()
    {
        await using var house = new HypervisorHouse();
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        await using var vm = await house.Hypervisor.CreateAsync(VmId.New(), HypervisorHouse.Spec(), limit.Token);
        using (var stop = Process.Start("kill", ["-STOP", vm.Facts.Process.Pid.ToString()])) await stop.WaitForExitAsync(limit.Token);
        using var impatient = new CancellationTokenSource();
        await impatient.CancelAsync();

        await vm.StopAsync(impatient.Token);

        house.AssertEmpty();
        Assert.Equal("was killed by signal 9 (SIGKILL)", Assert.IsType<VmEvent.Exited>((await ReadToEndAsync(vm))[^1]).How);
    }

    internal static async Task<VmEvent> NextAsync(IVm vm) => await vm.Events.ReadAsync().AsTask().WaitAsync(HypervisorHouse.Patience);

    internal static async Task<List<VmEvent>> ReadToEndAsync(IVm vm)
    {
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        var events = new List<VmEvent>();
        await foreach (var happened in vm.Events.ReadAllAsync(limit.Token)) events.Add(happened);
        return events;
    }
}
