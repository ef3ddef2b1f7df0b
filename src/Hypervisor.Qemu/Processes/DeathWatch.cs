using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>Tells at once when a process ends: one thread and one epoll for all of them, asleep while nothing happens.</summary>
internal sealed class DeathWatch
{
    private const uint EpollIn = 1, EpollOneShot = 1u << 30;
    private const int Add = 1, Delete = 2, CloseOnExec = 0x80000;

    /// <summary>Serves the whole process: its one thread costs nothing while idle, and is a background thread.</summary>
    public static DeathWatch Shared
    {
        get
        {
            // What an initializer throws once it throws for ever.
            lock (Making) return _shared ??= new DeathWatch();
        }
    }

    private static readonly Lock Making = new();
    private static DeathWatch? _shared;

    private readonly int _epoll;
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource> _watched = new();
    private long _lastKey;

    private DeathWatch()
    {
        _epoll = Native.EpollCreate(CloseOnExec);
        if (_epoll < 0) throw new IOException("epoll_create1: " + Marshal.GetLastPInvokeErrorMessage(), Marshal.GetLastPInvokeError());
        try
        {
            new Thread(Run) { IsBackground = true, Name = "qemu death watch" }.Start();
        }
        catch
        {
            _ = Native.Close(_epoll);
            throw;
        }
    }

    /// <summary>Watches until the process has ended or the watch is disposed; the caller keeps <paramref name="process"/> open that long.</summary>
    /// <exception cref="IOException">It cannot be watched.</exception>
    public unsafe Watch Start(PidFd process)
    {
        var key = (ulong)Interlocked.Increment(ref _lastKey);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _watched[key] = ended;
        var what = new Native.EpollEvent { Events = EpollIn | EpollOneShot, Data = key };
        if (Native.EpollControl(_epoll, Add, (int)process.DangerousGetHandle(), &what) == 0) return new Watch(this, process, key, ended.Task);
        var error = Marshal.GetLastPInvokeError();
        _watched.TryRemove(key, out _);
        // epoll's way to say so.
        if (error == Native.ENOSPC)
            throw new HostLimitException(
                $"cannot watch process {process.Pid}: too many are watched", error, "raise sysctl fs.epoll.max_user_watches");
        throw new IOException($"cannot watch process {process.Pid}: {Marshal.GetPInvokeErrorMessage(error)}", error);
    }

    private unsafe void Run()
    {
        const int batch = 64;
        var events = stackalloc Native.EpollEvent[batch];
        while (true)
        {
            var count = Native.EpollWait(_epoll, events, batch, -1);
            if (count < 0 && Marshal.GetLastPInvokeError() != Native.EINTR)
                throw new IOException("epoll_wait: " + Marshal.GetLastPInvokeErrorMessage());
            for (var i = 0; i < count; i++)
                if (_watched.TryRemove(events[i].Data, out var ended)) ended.TrySetResult();
        }
    }

    /// <summary>One watched process.</summary>
    internal sealed class Watch(DeathWatch owner, PidFd process, ulong key, Task ended) : IDisposable
    {
        /// <summary>Completes when the process has ended; never after <see cref="Dispose"/>.</summary>
        public Task Ended => ended;

        public unsafe void Dispose()
        {
            owner._watched.TryRemove(key, out _);
            if (process.IsClosed) return;
            Native.EpollEvent none;
            _ = Native.EpollControl(owner._epoll, Delete, (int)process.DangerousGetHandle(), &none);
        }
    }
}
