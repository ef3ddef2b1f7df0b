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
    /// <summary>One entry a directory whose name is a VM's id (others are not ours), and one for each QEMU that lost its own.</summary>
    public List<FoundVm> Find()
    {
        var root = QemuPaths.VmRoot(options.RunDirectory);
        var found = new Dictionary<VmId, FoundVm>();
        try
        {
            foreach (var entry in new DirectoryInfo(root).EnumerateFileSystemInfos())
                if (VmId.TryParse(entry.Name, out var id)) found[id] = Inspect(id).Found;
        }
        catch (DirectoryNotFoundException)
        {
            // No VM has been made here, or somebody removed them all: their processes tell.
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From($"cannot read {root}", fault), fault);
        }
        foreach (var (id, _) in Processes())
            if (!found.ContainsKey(id) && Inspect(id).Found is { Alive: true } astray) found[id] = astray;
        return [.. found.Values];
    }

    public Inspection Inspect(VmId id)
    {
        var paths = QemuPaths.For(options.RunDirectory, options.ClientDirectory, id);
        if (!Path.Exists(paths.Directory) && new FileInfo(paths.Directory).LinkTarget is null) return Astray(id, paths);
        if (Trust.Fault(paths.Directory) is { } why)
            return new Inspection(new FoundVm(id, null, null, FoundProcess.Gone, why) { Trusted = false }, Reapable: false);
        var (mark, stateProblem) = StateFile.Read(QemuPaths.State(paths));
        var (lease, leaseProblem) = LeaseFile.Read(QemuPaths.Lease(paths));
        if (!Path.Exists(QemuPaths.Record(paths)))
            return new Inspection(new FoundVm(id, null, mark, OfPidFile(id), $"{QemuPaths.Record(paths)} is missing: the VM's start was interrupted")
            {
                Record = FoundRecord.Missing,
            }, Reapable: true);
        var (facts, size, recordProblem) = VmRecordFile.Read(QemuPaths.Record(paths), id, paths);
        if (facts is null) return new Inspection(new FoundVm(id, null, mark, OfPidFile(id), recordProblem), Reapable: false);
        var process = ProcFs.Find(id, facts.Process.Pid, facts.Process.StartTime);
        var problems = string.Join("; ", new[] { stateProblem, leaseProblem }.OfType<string>());
        return new Inspection(new FoundVm(id, facts, mark, process, problems.Length == 0 ? null : problems)
        {
            Size = size,
            Lease = lease,
            GuestCpu = process == FoundProcess.Alive ? GuestCpuTime.Read(facts.Process.Pid) : null,
        }, Reapable: true);
    }

    /// <summary>The QEMU of a VM whose directory, and with it its record and pid file, is gone; null when there is none.</summary>
    public QemuProcess? AdoptAstray(VmId id) =>
        Processes().Where(p => p.Id == id).Select(p => QemuProcess.Adopt(id, p.Pid)).FirstOrDefault(process => process is not null);

    private Inspection Astray(VmId id, VmPaths paths)
    {
        using var process = AdoptAstray(id);
        return new Inspection(new FoundVm(id, null, null, process is null ? FoundProcess.Gone : FoundProcess.Alive, $"{paths.Directory} is gone")
        {
            Record = FoundRecord.Missing,
            HasDirectory = false,
        }, Reapable: true);
    }

    /// <summary>Processes that were given a pid file in our run directory, as QEMU is.</summary>
    private IEnumerable<(VmId Id, int Pid)> Processes()
    {
        var root = QemuPaths.VmRoot(options.RunDirectory) + "/";
        foreach (var (pid, argument) in ProcFs.WithArgument(root))
            if (VmId.TryParse(argument[root.Length..].Split('/')[0], out var id)) yield return (id, pid);
    }

    private FoundProcess OfPidFile(VmId id)
    {
        using var process = AdoptByPidFile(id);
        return process is null ? FoundProcess.Gone : FoundProcess.Alive;
    }

    /// <summary>The QEMU of a VM without a record, which may not have written its pid file yet; null when there is none.</summary>
    public QemuProcess? AdoptByPidFile(VmId id) => Written(id) ?? AdoptAstray(id);

    private QemuProcess? Written(VmId id)
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
}
