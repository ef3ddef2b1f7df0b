namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// As long as it is there this process gets no huge pages, and neither does, for good, a program that it starts. QEMU asks for them
/// for its translated code and its ROMs, of which a paused clone has touched a few pages: two megabytes each time.
/// </summary>
internal sealed class SmallPages : IDisposable
{
    private const int SetDisabled = 41, GetDisabled = 42;

    private readonly bool _were = Native.ProcessControl(GetDisabled, 0, 0, 0, 0) > 0;

    // Where the kernel does not know it the program takes more memory, and is none the worse.
    public SmallPages() => _ = Native.ProcessControl(SetDisabled, 1, 0, 0, 0);

    public void Dispose()
    {
        if (!_were) _ = Native.ProcessControl(SetDisabled, 0, 0, 0, 0);
    }
}
