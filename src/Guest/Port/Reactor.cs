using System.Runtime.InteropServices;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Port;

/// <summary>The thread that waits for all non-blocking descriptors. Edge-triggered: a virtio port without a host is
/// permanently "hung up", which a level-triggered wait would report for ever; an edge comes when the host connects.</summary>
internal sealed unsafe class Reactor
{
    private readonly int _epoll;
    private readonly Lock _gate = new();
    private readonly Dictionary<long, Readiness> _watched = [];
    private long _last;

    public Reactor()
    {
        _epoll = Libc.epoll_create1(Linux.EPOLL_CLOEXEC);
        if (_epoll < 0) throw LinuxException.Last("cannot create an epoll instance");
    }

    /// <summary>Reports the descriptor's changes until <see cref="Forget"/>, which must come before it is closed.</summary>
    /// <param name="readsHere">Whoever waits for the descriptor's bytes goes on on the reactor's thread.</param>
    /// <param name="hungUp">See <see cref="Readiness.HungUp"/>.</param>
    public Readiness Watch(int descriptor, bool readsHere = false, Action? hungUp = null)
    {
        lock (_gate)
        {
            var readiness = new Readiness(++_last, readsHere) { HungUp = hungUp };
            _watched[readiness.Key] = readiness;
            var what = new EpollEvent { Events = Linux.EPOLLIN | Linux.EPOLLOUT | Linux.EPOLLRDHUP | Linux.EPOLLET, Data = readiness.Key };
            if (Libc.epoll_ctl(_epoll, Linux.EPOLL_CTL_ADD, descriptor, &what) == 0) return readiness;
            _watched.Remove(readiness.Key);
            throw LinuxException.Last("cannot watch a descriptor");
        }
    }

    public void Forget(int descriptor, Readiness readiness)
    {
        lock (_gate)
        {
            // Told twice, its number may already be another's.
            if (!_watched.Remove(readiness.Key)) return;
            EpollEvent unused;
            _ = Libc.epoll_ctl(_epoll, Linux.EPOLL_CTL_DEL, descriptor, &unused);
        }
    }

    /// <summary>Makes the caller's thread the reactor's, for good.</summary>
    /// <param name="first">Done on it before it waits: what waits on this thread for an edge that <see cref="Edge"/> reports to it
    /// stays on it, while another thread's wait may come too late to be continued here.</param>
    public void Run(Action first)
    {
        first();
        const int most = 16;
        var events = stackalloc EpollEvent[most];
        while (true)
        {
            var count = Libc.epoll_wait(_epoll, events, most, -1);
            if (count < 0 && Marshal.GetLastPInvokeError() != Linux.EINTR) throw LinuxException.Last("cannot wait for descriptors");
            for (var i = 0; i < count; i++)
            {
                Readiness? readiness;
                lock (_gate) _watched.TryGetValue(events[i].Data, out readiness);
                readiness?.Report(events[i].Events);
            }
        }
    }
}
