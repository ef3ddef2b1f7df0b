using System.Runtime.InteropServices;

namespace VmCacheCluster.Tests.TestSupport;

/// <summary>
/// A thread with a table of descriptors of its own, as a copy: there they can run out, or be closed, and no other test is the poorer. What
/// runs there must queue nothing for the thread pool: a thread that it starts would have that table, too.
/// </summary>
public static class OwnDescriptors
{
    private const int OfFiles = 0x400;

    /// <returns>What it threw.</returns>
    public static Exception? Fault(Action action)
    {
        Exception? fault = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (Unshare(OfFiles) != 0) throw new InvalidOperationException("unshare failed");
                action();
            }
            catch (Exception e)
            {
                fault = e;
            }
        });
        thread.Start();
        thread.Join();
        return fault;
    }

    public static void UseUp()
    {
        while (Duplicate(0) >= 0) { }
    }

    /// <summary>Those of epoll: nothing can be watched by them any more.</summary>
    public static void CloseWatches()
    {
        foreach (var descriptor in new DirectoryInfo("/proc/thread-self/fd").GetFiles())
            if (descriptor.LinkTarget is "anon_inode:[eventpoll]") _ = Close(int.Parse(descriptor.Name));
    }

    [DllImport("libc", EntryPoint = "unshare")]
    private static extern int Unshare(int what);

    [DllImport("libc", EntryPoint = "dup")]
    private static extern int Duplicate(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
