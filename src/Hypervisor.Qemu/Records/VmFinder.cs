using System.Globalization;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <param name="Reapable">The directory is provably ours, and what it says of its process can be trusted.</param>
internal sealed record Inspection(FoundVm Found, bool Reapable);

/// <summary>Reads what an earlier process left in the run directory, and changes nothing.</summary>
internal sealed class VmFinder(QemuHypervisorOptions options)
{
    private const uint TypeMask = 0xF000, TypeDirectory = 0x4000, TypeLink = 0xA000;

    /// <summary>One entry a directory whose name is a VM's id; others are not ours.</summary>
    public List<FoundVm> Find()
    {
        var root = QemuPaths.VmRoot(options.RunDirectory);
        var found = new List<FoundVm>();
        try
        {
            foreach (var entry in new DirectoryInfo(root).EnumerateFileSystemInfos())
                if (VmId.TryParse(entry.Name, out var id)) found.Add(Inspect(id).Found);
        }
        catch (DirectoryNotFoundException)
        {
            return found;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From($"cannot read {root}", fault), fault);
        }
        return found;
    }

    public Inspection Inspect(VmId id)
    {
        var paths = QemuPaths.For(options.RunDirectory, options.ClientDirectory, id);
        if (Untrusted(paths.Directory) is { } why) return new Inspection(new FoundVm(id, null, null, Alive: false, why), Reapable: false);
        var (mark, stateProblem) = StateFile.Read(QemuPaths.State(paths));
        if (!Path.Exists(QemuPaths.Record(paths)))
        {
            using var recordless = AdoptByPidFile(id);
            return new Inspection(new FoundVm(id, null, mark, recordless is not null,
                $"{QemuPaths.Record(paths)} is missing: the VM's start was interrupted"), Reapable: true);
        }
        var (facts, recordProblem) = VmRecordFile.Read(QemuPaths.Record(paths), id, paths);
        if (facts is null) return new Inspection(new FoundVm(id, null, mark, Alive: false, recordProblem), Reapable: false);
        using var process = ProcFs.OpenQemu(id, facts.Process.Pid, facts.Process.StartTime);
        return new Inspection(new FoundVm(id, facts, mark, process is not null, stateProblem), Reapable: true);
    }

    /// <summary>The QEMU that wrote this VM's pid file; null when there is none.</summary>
    public QemuProcess? AdoptByPidFile(VmId id)
    {
        try
        {
            var text = File.ReadAllText(QemuPaths.PidFile(QemuPaths.For(options.RunDirectory, options.ClientDirectory, id))).Trim();
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? QemuProcess.Adopt(id, pid) : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Why a directory is not to be believed or touched; null when it is a plain directory of our own user.</summary>
    private static unsafe string? Untrusted(string directory)
    {
        const int mode = 24, user = 28;
        var stat = stackalloc byte[256];
        if (Native.LinkStat(directory, stat) != 0) return $"{directory} cannot be read: {System.Runtime.InteropServices.Marshal.GetLastPInvokeErrorMessage()}";
        var type = *(uint*)(stat + mode) & TypeMask;
        if (type == TypeLink) return $"{directory} is a symbolic link";
        if (type != TypeDirectory) return $"{directory} is no directory";
        var owner = *(uint*)(stat + user);
        return owner == Native.EffectiveUser() ? null : $"{directory} belongs to user {owner}";
    }
}
