using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>What a client does while the daemon dies.</summary>
public enum Drive { Boot, Acquire, Renew, Release, Kata, KataResume }

/// <summary>One death of the daemon at a step, and the start after it.</summary>
internal static class Crash
{
    private const int KilledBySigkill = 128 + Processes.Sigkill;

    private static readonly AcquireOptions Wish = new()
    {
        MinCpus = 2, SandboxId = "box", IdempotencyKey = "key", Ttl = TimeSpan.FromMinutes(10), AutomaticRenewal = false, Timeout = HandedOut.Timeout,
    };

    public static async Task RunAsync(House house, string settings, string step, Drive drive)
    {
        var doomed = house.StartDoomed(settings, step);
        var answered = await DriveAsync(doomed, drive);
        Assert.Equal(KilledBySigkill, await doomed.ExitedAsync());

        var daemon = house.Start(settings);
        await AssertWholeAsync(house, daemon);
        if (drive is Drive.Renew or Drive.Release) await AssertHeldAsync(daemon, answered!, released: drive == Drive.Release);
        if (drive is Drive.KataResume) Assert.Equal(VmState.Leased, (await daemon.Client.GetAsync(answered!.Id, HandedOut.Timeout)).State);
        await AssertGivenOnceAsync(daemon, drive, answered?.Id);

        await daemon.Client.DrainAsync(HandedOut.Timeout);
        await daemon.PoolAsync(p => p.Vms.All(v => v.State == VmState.Leased), "what is not leased is gone");
        await daemon.KillAsync();
    }

    /// <summary>The pool is at its target, and each process and each directory is a VM's that the daemon has.</summary>
    public static async Task AssertWholeAsync(House house, DaemonProcess daemon)
    {
        var status = await daemon.WarmAsync();
        await Eventually.Async(
            async () =>
            {
                status = await daemon.WarmAsync();
                var vms = status.Pools.SelectMany(p => p.Vms).ToList();
                return vms.Select(v => (int)v.Pid).Order().SequenceEqual(house.VmProcesses().Order())
                    && house.VmDirectories().Where(d => d != "sandbox").ToHashSet().SetEquals(vms.Select(v => v.Id));
            },
            "every process and every directory is a known VM's",
            () => $"{status}\nprocesses {string.Join(' ', house.VmProcesses())}\ndirectories {string.Join(' ', house.VmDirectories())}\n{daemon.Log}");
    }

    /// <returns>What the client was told of before the daemon died.</returns>
    private static async Task<Vm?> DriveAsync(DaemonProcess daemon, Drive drive)
    {
        if (drive == Drive.Boot) return null;
        await daemon.WarmAsync();
        switch (drive)
        {
            case Drive.Acquire:
                await DiesAsync(() => daemon.Client.AcquireAsync("", Wish));
                return null;
            case Drive.Kata:
                await DiesAsync(() => daemon.Client.GetBaseVmAsync(HandedOut.Timeout));
                return null;
            case Drive.KataResume:
                var vm = await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
                await HandedOut.ResumeAsync(vm);
                return vm;
            default:
                var lease = await daemon.Client.AcquireAsync("", Wish);
                var held = lease.Vm.Clone();
                held.Labels["token"] = lease.Token;
                await DiesAsync(() => drive == Drive.Renew
                    ? daemon.Client.RenewAsync(lease.Id, lease.Token, TimeSpan.FromMinutes(20), HandedOut.Timeout)
                    : daemon.Client.ReleaseAsync(lease.Id, HandedOut.Timeout, token: lease.Token));
                return held;
        }
    }

    /// <summary>The daemon dies instead of answering.</summary>
    private static async Task DiesAsync(Func<Task> call) => await Assert.ThrowsAnyAsync<VmCacheException>(call);

    /// <summary>A lease that was answered is there, with its token and its expiry; one whose release was cut off may be gone.</summary>
    private static async Task AssertHeldAsync(DaemonProcess daemon, Vm held, bool released)
    {
        try
        {
            var now = await daemon.Client.GetAsync(held.Id, HandedOut.Timeout);
            Assert.Equal((VmState.Leased, held.Pid, 2u), (now.State, now.Pid, now.Cpus));
            Assert.True(now.ExpiresAt.ToDateTimeOffset() > held.ExpiresAt.ToDateTimeOffset() - TimeSpan.FromSeconds(2), $"{now} was {held}");
        }
        catch (VmCacheException) when (released)
        {
            return;
        }

        var token = held.Labels["token"];
        await Assert.ThrowsAnyAsync<VmCacheException>(() => daemon.Client.RenewAsync(held.Id, new string('0', 32), null, HandedOut.Timeout));
        Assert.NotNull(await daemon.Client.RenewAsync(held.Id, token, null, HandedOut.Timeout));
    }

    /// <summary>Who asks anew with the key gets one VM, again and again the same; everybody else gets another one.</summary>
    private static async Task AssertGivenOnceAsync(DaemonProcess daemon, Drive drive, string? answered)
    {
        var before = (await daemon.WarmAsync()).Pools[0].Vms.Where(v => v.State is VmState.Leased or VmState.Reserved).Select(v => v.Id).ToList();
        var first = await daemon.Client.AcquireAsync("", Wish);
        var again = await daemon.Client.AcquireAsync("", Wish);
        Assert.Equal((first.Id, first.Token), (again.Id, again.Token));
        if (drive == Drive.Renew) Assert.Equal(answered, first.Id);
        var other = (await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id;
        Assert.DoesNotContain(other, before.Append(first.Id).Append(answered));
    }
}
