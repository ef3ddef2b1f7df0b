using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VmCacheCluster.Agent;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Services;

/// <summary>The guest's random number generator.</summary>
internal static unsafe class RandomDevice
{
    private const int HeaderLength = 8;

    private static readonly Lazy<int> Device = new(() => Descriptor.Open("/dev/urandom", Linux.O_RDWR));

    /// <summary>Credits the host's entropy and draws a new key from it at once. Crediting alone would change nothing until
    /// the kernel reseeds by itself: clones of one template would go on with the same random numbers.</summary>
    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT without data; FAILED_PRECONDITION when it was too little.</exception>
    public static void Reseed(ReadOnlySpan<byte> entropy)
    {
        if (entropy.IsEmpty) throw new TtrpcStatusException(TtrpcStatusCode.InvalidArgument, "data holds no entropy; send at least 32 bytes");
        Reseed(entropy, entropy.Length * 8);
    }

    /// <param name="bits">How much entropy the bytes are credited with: 0 for bytes that hold none.</param>
    /// <exception cref="TtrpcStatusException">FAILED_PRECONDITION when the kernel has no seed yet, and these do not suffice.</exception>
    public static void Reseed(ReadOnlySpan<byte> entropy, int bits)
    {
        // struct rand_pool_info: bits of entropy, bytes that follow, the bytes.
        var request = new byte[HeaderLength + entropy.Length];
        BinaryPrimitives.WriteInt32LittleEndian(request, bits);
        BinaryPrimitives.WriteInt32LittleEndian(request.AsSpan(4), entropy.Length);
        entropy.CopyTo(request.AsSpan(HeaderLength));
        fixed (byte* start = request)
        {
            if (Libc.ioctl(Device.Value, Linux.RNDADDENTROPY, start) < 0) throw LinuxException.Last("the kernel takes no entropy");
        }

        if (Libc.ioctl(Device.Value, Linux.RNDRESEEDCRNG, null) == 0) return;
        throw Marshal.GetLastPInvokeError() == Linux.ENODATA
            ? new TtrpcStatusException(
                TtrpcStatusCode.FailedPrecondition,
                $"{entropy.Length} bytes do not suffice for the kernel's first seed; send at least 32")
            : LinuxException.Last("the kernel does not reseed");
    }
}
