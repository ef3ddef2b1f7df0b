using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// A process that serves one VM beside its QEMU, and like it outlives the daemon: its pid stands in a file of the VM's run directory, and
/// that directory in its environment, where it is found when the daemon died before it wrote the file. Disposing it lets go and does not
/// end it.
/// </summary>
internal sealed class Companion : IDisposable
{
    /// <summary>The descriptor that it gets its file as.</summary>
    public const int GivenNumber = 3;

    private const string Variable = "VMCACHE_COMPANION_OF";
    private const int MostBytes = 4096;

    private readonly QemuProcess _process;

    private Companion(string name, QemuProcess process) => (Name, _process) = (name, process);

    /// <summary>What it is, such as virtiofsd: its files are called so.</summary>
    public string Name { get; }

    public int Pid => _process.Identity.Pid;

    /// <summary>Completes with how it ended.</summary>
    public Task<string> Exited => _process.Exited;

    /// <summary>Starts it, and records it.</summary>
    /// <param name="file">What it gets as <see cref="GivenNumber"/>.</param>
    /// <param name="lifetime">It ends then, also without us; null: it has no such deadline.</param>
    /// <param name="runAs">See <see cref="ProgramStart.RunAs"/>.</param>
    /// <exception cref="NotExecutableException">It cannot be executed.</exception>
    /// <exception cref="IOException">The host lacks what it takes, or it cannot be recorded.</exception>
    public static Companion Start(
        string name, string program, IReadOnlyList<string> arguments, VmPaths paths, SafeHandle? file = null, TimeSpan? lifetime = null, IReadOnlyList<string>? runAs = null)
    {
        var start = new ProgramStart(program, arguments, Log(paths, name))
        {
            Files = file is null ? [] : [new GivenDescriptor(GivenNumber, file)],
            Variables = [Mark(paths)],
            RunAs = runAs ?? [],
        };
        var process = lifetime is { } most ? QemuProcess.StartGuarded(start, most) : QemuProcess.Start(start);
        try
        {
            File.WriteAllText(Record(paths, name), string.Create(CultureInfo.InvariantCulture, $"{process.Identity.Pid} {process.Identity.StartTime}\n"));
            return new Companion(name, process);
        }
        catch
        {
            process.Abandon();
            throw;
        }
    }

    /// <summary>Takes hold of one that an earlier process of the daemon started; null: there is none, or it is gone.</summary>
    public static Companion? Adopt(string name, VmPaths paths)
    {
        try
        {
            var parts = Encoding.ASCII.GetString(RecordBytes.Read(Record(paths, name), MostBytes)).Split(' ', StringSplitOptions.TrimEntries);
            return parts.Length == 2
                && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && ulong.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var start)
                && QemuProcess.Adopt(new ProcessIdentity(pid, start)) is { } process
                    ? new Companion(name, process)
                    : null;
        }
        catch (Exception fault) when ((fault is IOException or UnauthorizedAccessException or InvalidDataException) && !HostFailures.IsShortage(fault))
        {
            return null;
        }
    }

    /// <summary>Takes hold of all that were started for this VM, recorded or not: it looks at each process of the host.</summary>
    public static IReadOnlyList<Companion> FindAll(VmPaths paths) =>
        [.. ProcFs.WithVariable(Mark(paths)).Select(QemuProcess.Adopt).OfType<QemuProcess>().Select(process => new Companion("", process))];

    public static bool WasRecorded(string name, VmPaths paths) => File.Exists(Record(paths, name));

    /// <summary>What it wrote last.</summary>
    public static string Log(VmPaths paths, string name) => Path.Combine(paths.Directory, name + ".log");

    /// <summary>It does nothing until <see cref="Continue"/>, whatever becomes of the daemon.</summary>
    public void Suspend() => _process.Suspend();

    public void Continue() => _process.Continue();

    /// <summary>SIGTERM, then SIGKILL.</summary>
    public Task EndAsync(TimeSpan terminate, TimeSpan kill)
    {
        // One that is suspended takes no SIGTERM.
        _process.Continue();
        return _process.EndAsync(terminate, kill, CancellationToken.None);
    }

    public void Dispose() => _process.Dispose();

    private static string Mark(VmPaths paths) => $"{Variable}={paths.Directory}";

    private static string Record(VmPaths paths, string name) => Path.Combine(paths.Directory, name + ".pid");
}
