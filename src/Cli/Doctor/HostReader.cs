using System.ComponentModel;
using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Cli.Doctor;

/// <summary>Reads the facts that the doctor judges. Whatever cannot be read is a fact too, never a failure.</summary>
internal static class HostReader
{
    private static readonly TimeSpan VersionLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan DaemonLimit = TimeSpan.FromSeconds(5);

    /// <summary>Where a daemon that does not answer most likely has its own.</summary>
    internal const string UsualRunDirectory = "/run/vmcache";

    /// <param name="runDirectory">Null: the daemon's.</param>
    /// <param name="templates">Null: the daemon's.</param>
    internal static async Task<HostFacts> ReadAsync(
        VmCacheClient client, string qemu, string? runDirectory, string? templates, string? guest, Func<string, string?> environment, CancellationToken cancel)
    {
        NodeStatus? daemon = null;
        VmCacheException? silent = null;
        try
        {
            daemon = await client.GetStatusAsync(DaemonLimit, cancel).ConfigureAwait(false);
        }
        catch (VmCacheException fault)
        {
            silent = fault;
        }

        var run = Path.GetFullPath(runDirectory ?? (daemon?.RunDirectory is { Length: > 0 } told ? told : UsualRunDirectory));
        return new HostFacts
        {
            Daemon = daemon,
            DaemonFault = silent,
            Endpoint = client.Endpoint,
            Qemu = await QemuAsync(qemu, environment("PATH") ?? "", cancel).ConfigureAwait(false),
            Kvm = Device("/dev/kvm"),
            VhostVsock = Device(VsockAddress.HostDevice),
            Memory = HostFormats.Memory(Lines("/proc/meminfo")),
            RunDirectory = Directory(run),
            Templates = Directory(Path.GetFullPath(templates ?? (runDirectory is null && daemon?.TemplateDirectory is { Length: > 0 } theirs ? theirs : Path.Combine(run, "templates")))),
            SocketMode = Mode(client.Endpoint),
            Guest = Guest(guest is null ? GuestDirectories() : [Path.GetFullPath(guest)]),
        };
    }

    internal static async Task<QemuFacts> QemuAsync(string qemu, string searchPath, CancellationToken cancel)
    {
        var path = qemu.Contains('/')
            ? Path.GetFullPath(qemu)
            : searchPath.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(d => Path.Combine(d, qemu)).FirstOrDefault(File.Exists);
        if (path is null || !File.Exists(path))
        {
            return new QemuFacts(qemu.Contains('/') ? qemu : $"{qemu} in PATH", false, null, "");
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(VersionLimit);
        Process? process = null;
        try
        {
            process = Process.Start(new ProcessStartInfo(path, ["--version"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token).ConfigureAwait(false);
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
            return process.ExitCode == 0
                ? new QemuFacts(path, true, output.Split('\n')[0], "")
                : new QemuFacts(path, true, null, $"exit status {process.ExitCode}, {(await errors.ConfigureAwait(false)).Trim()}");
        }
        catch (Win32Exception fault)
        {
            return new QemuFacts(path, true, null, fault.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new QemuFacts(path, true, null, $"no answer within {VersionLimit.TotalSeconds} s");
        }
        finally
        {
            if (process is { HasExited: false })
            {
                process.Kill();
            }

            process?.Dispose();
        }
    }

    internal static DeviceFacts Device(string path)
    {
        if (!File.Exists(path))
        {
            return new DeviceFacts(path, false, "");
        }

        try
        {
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            return new DeviceFacts(path, true, "");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return new DeviceFacts(path, true, fault is UnauthorizedAccessException ? "permission denied" : fault.Message);
        }
    }

    internal static DirectoryFacts Directory(string path)
    {
        var existing = path;
        while (!System.IO.Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
        {
            existing = parent;
        }

        return new DirectoryFacts(
            path, System.IO.Directory.Exists(path) ? Mode(path) : null, Access.CanWrite(existing),
            HostFormats.FileSystem(Lines("/proc/self/mountinfo"), path), FreeMiB(existing));
    }

    private static long? FreeMiB(string existing)
    {
        try
        {
            return new DriveInfo(existing).AvailableFreeSpace / (1024 * 1024);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    internal static GuestFacts Guest(IReadOnlyList<string> directories)
    {
        string? Find(params string[] beginnings) => directories
            .Where(System.IO.Directory.Exists)
            .SelectMany(d => Files(d).Order(StringComparer.Ordinal))
            .FirstOrDefault(f => beginnings.Any(b => Path.GetFileName(f).StartsWith(b, StringComparison.Ordinal)));

        return new GuestFacts(directories, Find("vmlinu", "kernel", "bzImage"), Find("initramfs", "initrd"));
    }

    /// <summary>Where vmcached looks: where build.sh leaves the guest, beside the program, and where a package puts it.</summary>
    internal static IReadOnlyList<string> GuestDirectories() =>
        [Path.Combine(AppContext.BaseDirectory, "guest"), "/usr/share/vmcache/guest"];

    private static IEnumerable<string> Files(string directory)
    {
        try
        {
            return System.IO.Directory.GetFiles(directory);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static UnixFileMode? Mode(string path)
    {
        try
        {
            return OperatingSystem.IsLinux() && Path.Exists(path) ? File.GetUnixFileMode(path) : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
