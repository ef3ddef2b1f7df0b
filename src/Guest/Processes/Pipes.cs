using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Processes;

/// <summary>The three pipes of a program: its ends, which block as programs expect, and ours, which do not.</summary>
internal sealed unsafe class Pipes : IDisposable
{
    private readonly List<int> _open = [];

    public Pipes()
    {
        try
        {
            (TheirStdin, OurStdin) = Make();
            (OurStdout, TheirStdout) = Make();
            (OurStderr, TheirStderr) = Make();
            foreach (var ours in (ReadOnlySpan<int>)[OurStdin, OurStdout, OurStderr]) Descriptor.MakeNonBlocking(ours);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int TheirStdin { get; }
    public int TheirStdout { get; }
    public int TheirStderr { get; }
    public int OurStdin { get; }
    public int OurStdout { get; }
    public int OurStderr { get; }

    /// <summary>To be called once the program has them: as long as we hold them, our ends never see the end.</summary>
    public void CloseTheirs()
    {
        foreach (var descriptor in (ReadOnlySpan<int>)[TheirStdin, TheirStdout, TheirStderr]) Close(descriptor);
    }

    public void Close(int descriptor)
    {
        if (_open.Remove(descriptor)) _ = Libc.close(descriptor);
    }

    public void Dispose()
    {
        foreach (var descriptor in _open) _ = Libc.close(descriptor);
        _open.Clear();
    }

    private (int Read, int Write) Make()
    {
        var ends = stackalloc int[2];
        if (Libc.pipe2(ends, Linux.O_CLOEXEC) < 0) throw LinuxException.Last("cannot make a pipe");
        _open.Add(ends[0]);
        _open.Add(ends[1]);
        return (ends[0], ends[1]);
    }
}
