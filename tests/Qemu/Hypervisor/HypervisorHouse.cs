using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Users;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>A run directory and a client directory of a test's own, and a hypervisor on them.</summary>
public sealed class HypervisorHouse : IAsyncDisposable
{
    /// <summary>A boot takes seconds, and many times that on a busy machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vmq");

    public HypervisorHouse()
        : this(null)
    {
    }

    /// <param name="users">Who its VMs run as; null: as the test does.</param>
    public HypervisorHouse(VmUsers? users)
    {
        Options = new QemuHypervisorOptions
        {
            RunDirectory = Path.Combine(_root.FullName, "run"),
            ClientDirectory = Path.Combine(_root.FullName, "client"),
            Users = users,
        };
        Hypervisor = Another();
        ThrowAways = new ThrowAwayVms(Options, new LinuxHostClock());
    }

    public QemuHypervisorOptions Options { get; }

    public QemuHypervisor Hypervisor { get; }

    public ThrowAwayVms ThrowAways { get; }

    public string Root => _root.FullName;

    /// <summary>A hypervisor as a later process of the daemon would have it.</summary>
    public QemuHypervisor Another() => new(Options, new LinuxHostClock());

    public static VmSpec Spec()
    {
        var image = GuestImage.Find();
        return new VmSpec
        {
            Pool = PoolName.Default,
            Qemu = "/usr/bin/qemu-system-x86_64",
            Kernel = image.Kernel,
            Initrd = image.Initrd,
            KernelParameters = "console=ttyS0 panic=-1 cryptomgr.notests noreplace-smp",
        };
    }

    public async Task<IVm> BootAsync(VmSpec? spec = null)
    {
        using var limit = new CancellationTokenSource(Patience);
        var vm = await Hypervisor.CreateAsync(VmId.New(), spec ?? Spec(), limit.Token);
        await vm.WaitForAgentAsync(limit.Token);
        return vm;
    }

    /// <summary>No VM's directory is left; and so no socket.</summary>
    public void AssertEmpty()
    {
        foreach (var directory in new[] { Path.Combine(Options.RunDirectory, "vm"), Options.ClientDirectory })
            if (Directory.Exists(directory)) Assert.Empty(Directory.EnumerateFileSystemEntries(directory));
        Assert.Empty(ProcessesNaming(_root.FullName));
    }

    /// <summary>The pids of living processes that have this text in their command line.</summary>
    public static IReadOnlyList<int> ProcessesNaming(string text)
    {
        var pids = new List<int>();
        foreach (var entry in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(entry), out var pid) || pid == Environment.ProcessId) continue;
            try
            {
                if (File.ReadAllText(Path.Combine(entry, "cmdline")).Contains(text, StringComparison.Ordinal)) pids.Add(pid);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // Gone since.
            }
        }
        return pids;
    }

    /// <summary>Ends what a failed test left behind.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var found in await Hypervisor.FindAsync(CancellationToken.None))
        {
            try
            {
                await Hypervisor.ReapAsync(found, CancellationToken.None);
            }
            catch (VmFailedException)
            {
                // A directory that the test spoiled: it goes with the rest.
            }
        }
        _root.Delete(recursive: true);
    }
}
