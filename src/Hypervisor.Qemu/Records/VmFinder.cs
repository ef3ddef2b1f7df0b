using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <param name="Reapable">The directory is provably ours, and what it says of its process can be trusted.</param>
internal sealed record Inspection(FoundVm Found, bool Reapable);

/// <summary>
/// Reads what an earlier process left in the run directory, and changes nothing. What is wrong with one VM's files is that VM's fault;
/// only what the host or the daemon lacks makes the whole look fail, for then nothing is known of any.
/// </summary>
internal sealed class VmFinder(QemuHypervisorOptions options)
{
    /// <summary>One entry a directory whose name is a VM's id (others are not ours), and one for each QEMU that lost its own.</summary>
    /// <exception cref="VmFailedException">It cannot be looked at now.</exception>
    public List<FoundVm> Find()
    {
        var root = QemuPaths.VmRoot(options.RunDirectory);
        try
        {
            var names = new HashSet<VmId>();
            try
            {
                foreach (var entry in new DirectoryInfo(root).EnumerateFileSystemInfos())
                    if (VmId.TryParse(entry.Name, out var id)) names.Add(id);
            }
            catch (DirectoryNotFoundException)
            {
                // No VM has been made here, or somebody removed them all: their processes tell.
            }

            // Taken after the names: a VM that is ended meanwhile is found with its directory, or not at all.
            var qemus = ProcFs.Qemus(root, IsOurs).ToLookup(q => q.Id, q => q.Pid);
            var found = names.Select(id => Inspect(id, qemus[id]).Found).ToList();
            found.AddRange(qemus.Where(q => !names.Contains(q.Key)).Select(q => Inspect(q.Key, q).Found).Where(astray => astray.Alive));
            return found;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            throw new VmFailedException(HostFailures.From($"cannot look at the VMs in {root}", fault), fault);
        }
    }

    /// <summary>The range may have been another one when a VM was started: then its record tells.</summary>
    private bool IsOurs(uint user) => user == Trust.Us || UserRange.Default.Contains(user) || options.Users?.Range.Contains(user) == true;

    /// <exception cref="VmFailedException">It cannot be looked at now.</exception>
    public Inspection Inspect(VmId id)
    {
        try
        {
            return Inspect(id, ProcFs.Qemus(QemuPaths.VmRoot(options.RunDirectory), IsOurs).Where(q => q.Id == id).Select(q => q.Pid));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            throw new VmFailedException(HostFailures.From($"cannot look at VM {id}", fault), fault);
        }
    }

    /// <param name="qemus">Processes with the arguments of this VM's QEMU; looked for only when its record does not lead to one.</param>
    private Inspection Inspect(VmId id, IEnumerable<int> qemus)
    {
        var paths = QemuPaths.For(options.RunDirectory, options.ClientDirectory, id);
        var running = new Lazy<ProcessIdentity?>(() => Running(id, qemus));
        try
        {
            return Inspect(id, paths, running);
        }
        catch (Exception fault) when (!HostFailures.IsShortage(fault))
        {
            return new Inspection(Bare(id, running.Value, null, $"{paths.Directory} cannot be looked at: {fault.Message}"), Reapable: false);
        }
    }

    private static Inspection Inspect(VmId id, VmPaths paths, Lazy<ProcessIdentity?> running)
    {
        if (!Path.Exists(paths.Directory) && new FileInfo(paths.Directory).LinkTarget is null)
            return new Inspection(Bare(id, running.Value, null, $"{paths.Directory} is gone") with { Record = FoundRecord.Missing, HasDirectory = false }, Reapable: true);
        if (Trust.Fault(paths.Directory) is { } why) return new Inspection(Bare(id, running.Value, null, why) with { Trusted = false }, Reapable: false);
        var (mark, stateProblem) = StateFile.Read(QemuPaths.State(paths));
        var (lease, leaseProblem) = LeaseFile.Read(QemuPaths.Lease(paths));
        var record = QemuPaths.Record(paths);
        if (!Path.Exists(record) && new FileInfo(record).LinkTarget is null)
            return new Inspection(Bare(id, running.Value ?? OfPidFile(id, paths), mark, $"{record} is missing") with { Record = FoundRecord.Missing, Lease = lease }, Reapable: true);
        var (facts, size, recordProblem) = VmRecordFile.Read(record, id, paths);
        if (facts is null) return new Inspection(Bare(id, running.Value ?? OfPidFile(id, paths), mark, recordProblem) with { Lease = lease }, Reapable: false);
        var process = ProcFs.Find(id, facts.Process.Pid, facts.Process.StartTime);
        if (process != FoundProcess.Alive && running.Value is { } other && other != facts.Process)
            return new Inspection(Bare(id, other, mark, $"{record} names process {facts.Process.Pid}, and process {other.Pid} is this VM's QEMU") with { Lease = lease }, Reapable: false);
        var problems = string.Join("; ", new[] { stateProblem, leaseProblem }.OfType<string>());
        return new Inspection(new FoundVm(id, facts, mark, process, problems.Length == 0 ? null : problems)
        {
            Size = size,
            Lease = lease,
            Reachable = Path.Exists(facts.Paths.Supervisor),
            GuestCpu = process == FoundProcess.Alive ? GuestCpuTime.Read(facts.Process.Pid) : null,
        }, Reapable: true);
    }

    private static FoundVm Bare(VmId id, ProcessIdentity? running, VmMark? mark, string? problem) =>
        new(id, null, mark, running is null ? FoundProcess.Gone : FoundProcess.Alive, problem) { Running = running };

    private static ProcessIdentity? Running(VmId id, IEnumerable<int> pids)
    {
        foreach (var pid in pids)
        {
            using var process = ProcFs.OpenQemu(id, pid, startTime: null);
            if (process is not null && ProcFs.StartTime(pid) is { } start && process.IsAlive()) return new ProcessIdentity(pid, start);
        }

        return null;
    }

    /// <summary>The QEMU that this VM's pid file names; null when there is none.</summary>
    private static ProcessIdentity? OfPidFile(VmId id, VmPaths paths) =>
        PidFile.Read(paths) is { } pid && ProcFs.IsQemu(pid, id) ? Running(id, [pid]) : null;
}
