using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// Keeps QEMU's logs small: a guest that misuses a device makes QEMU complain as often as it likes. One inotify and one
/// thread for all logs, asleep while nobody writes. A log that cannot be watched is only not limited.
/// </summary>
internal sealed class LogLimit
{
    public const int MaxBytes = 1024 * 1024;

    private const uint Modified = 2;
    private const int CloseOnExec = 0x80000, EventHeader = 16;

    public static readonly LogLimit Shared = new();

    private readonly int _notify = Native.NotifyCreate(CloseOnExec);
    private readonly ConcurrentDictionary<int, string> _logs = new();

    private LogLimit()
    {
        if (_notify >= 0) new Thread(Run) { IsBackground = true, Name = "qemu log limit" }.Start();
    }

    /// <summary>Until disposed, the file is emptied when it has grown over <see cref="MaxBytes"/>; its writer must append.</summary>
    public IDisposable Watch(string path)
    {
        var watch = _notify < 0 ? -1 : Native.NotifyAdd(_notify, path, Modified);
        if (watch >= 0) _logs[watch] = path;
        return new Watched(this, watch);
    }

    private unsafe void Run()
    {
        const int size = 4096;
        var buffer = stackalloc byte[size];
        while (true)
        {
            var count = (int)Native.Read(_notify, buffer, size);
            if (count < 0 && Marshal.GetLastPInvokeError() != Native.EINTR) return;
            for (var at = 0; at + EventHeader <= count; at += EventHeader + *(int*)(buffer + at + 12))
                if (_logs.TryGetValue(*(int*)(buffer + at), out var path)) Limit(path);
        }
    }

    private static void Limit(string path)
    {
        try
        {
            if (new FileInfo(path) is not { Exists: true, Length: > MaxBytes }) return;
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            file.SetLength(0);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Removed since, or not ours to write: the next line tries again.
        }
    }

    private sealed class Watched(LogLimit owner, int watch) : IDisposable
    {
        public void Dispose()
        {
            if (owner._logs.TryRemove(watch, out _)) _ = Native.NotifyRemove(owner._notify, watch);
        }
    }
}
