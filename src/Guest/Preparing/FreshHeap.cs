using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>The heap that the next objects go to.</summary>
internal static unsafe class FreshHeap
{
    private const nuint Page = 4096, Ahead = 256 * 1024;

    /// <summary>Has the kernel give it its memory now: the next calls would fault for it page by page. How far the runtime has
    /// it ready is its own affair; the kernel stops where that ends.</summary>
    public static void Touch()
    {
        fixed (byte* here = new byte[1])
        {
            _ = Libc.madvise((void*)((nuint)here & ~(Page - 1)), Ahead, Linux.MADV_POPULATE_WRITE);
        }
    }
}
