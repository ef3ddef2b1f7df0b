using System.Runtime.InteropServices;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Processes;

/// <summary>The only place that waits for processes: init inherits every orphan, and a second waiter would take the first
/// one's exit statuses. A dead child keeps its number until its end has been told under the lock, so no signal reaches a
/// stranger.</summary>
internal sealed unsafe class Reaper
{
    private readonly Lock _gate = new();
    private readonly Dictionary<int, TaskCompletionSource<ExitStatus>> _awaited = [];
    private readonly AutoResetEvent _spawned = new(false);

    public Reaper() => new Thread(Loop, maxStackSize: 256 * 1024) { IsBackground = true, Name = "reaper" }.Start();

    /// <summary>Starts a process and awaits its end, however early that comes.</summary>
    /// <param name="spawn">Returns the new process's number, or throws.</param>
    public (int Process, Task<ExitStatus> Ended) Start(Func<int> spawn)
    {
        lock (_gate)
        {
            var process = spawn();
            var ended = new TaskCompletionSource<ExitStatus>(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited[process] = ended;
            _spawned.Set();
            return (process, ended.Task);
        }
    }

    /// <summary>Kills the process and all in its group; nothing when it has ended.</summary>
    public void KillGroup(int process)
    {
        lock (_gate)
        {
            if (_awaited.ContainsKey(process)) _ = Libc.kill(-process, Linux.SIGKILL);
        }
    }

    private void Loop()
    {
        while (true)
        {
            SignalInfo info = default;
            if (Libc.waitid(Linux.P_ALL, 0, &info, Linux.WEXITED | Linux.WNOWAIT) == 0)
                Reap(info);
            else if (Marshal.GetLastPInvokeError() == Linux.ECHILD)
                // Every descendant hangs on a child, so without one there is nothing to reap until the next is started.
                _spawned.WaitOne();
        }
    }

    private void Reap(SignalInfo info)
    {
        lock (_gate)
        {
            SignalInfo gone = default;
            _ = Libc.waitid(Linux.P_PID, info.Process, &gone, Linux.WEXITED);
            if (!_awaited.Remove(info.Process, out var ended)) return;
            ended.SetResult(info.Code == Linux.CLD_EXITED ? new ExitStatus(info.Status, 0) : new ExitStatus(128 + info.Status, info.Status));
        }
    }
}
