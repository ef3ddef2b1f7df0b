using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VmCacheCluster.Agent;

/// <summary>A connection on the vsock bus (vsock(7)), which .NET has no addresses for.</summary>
internal sealed partial class VsockStream : ConnectionStream
{
    private const int Family = 40, StreamCloseOnExec = 1 | 0x80000, AddressBytes = 16;

    /// <summary>SO_VM_SOCKETS_CONNECT_TIMEOUT, and errno of a connection that met it.</summary>
    private const int ConnectTimeout = 6, TimedOut = 110;

    private static readonly TimeSpan FirstTry = TimeSpan.FromMilliseconds(100), Patience = TimeSpan.FromSeconds(2);

    private readonly Socket _socket;

    private VsockStream(Socket socket) => _socket = socket;

    /// <summary>
    /// Tries again after a tenth of a second, then after twice as long each time: a clone that has just been resumed answers in the name of
    /// its template until it has heard of its own context id, and the host drops that.
    /// </summary>
    /// <exception cref="IOException">Nobody listens there, or the guest did not answer within two seconds.</exception>
    public static async Task<VsockStream> ConnectAsync(uint cid, uint port, CancellationToken cancel)
    {
        // The call blocks, and on a thread of the pool it would keep others' answers waiting.
        var connecting = Task.Factory.StartNew(() => Connect(cid, port, cancel), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            return new VsockStream(new Socket(await connecting.WaitAsync(cancel).ConfigureAwait(false)));
        }
        catch (OperationCanceledException)
        {
            _ = connecting.ContinueWith(static late => late.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0) buffer = buffer[await _socket.SendAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false)..];
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _socket.Dispose();
        base.Dispose(disposing);
    }

    private static SafeSocketHandle Connect(uint cid, uint port, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        for (var patience = FirstTry; ; patience *= 2)
        {
            cancel.ThrowIfCancellationRequested();
            var left = Patience - Stopwatch.GetElapsedTime(began);
            var last = left <= patience;
            if (TryConnect(cid, port, last ? TimeSpan.FromMilliseconds(Math.Max(left.TotalMilliseconds, 1)) : patience, last) is { } handle) return handle;
        }
    }

    /// <returns>Null: the guest did not answer in time, and it is not the last try.</returns>
    private static unsafe SafeSocketHandle? TryConnect(uint cid, uint port, TimeSpan limit, bool last)
    {
        var descriptor = OpenSocket(Family, StreamCloseOnExec, 0);
        if (descriptor < 0) throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        var handle = new SafeSocketHandle(descriptor, ownsHandle: true);
        // struct sockaddr_vm: family, nothing, port, context id, flags.
        var address = stackalloc byte[AddressBytes];
        var fields = new Span<byte>(address, AddressBytes);
        fields.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(fields, Family);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[4..], port);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[8..], cid);
        // struct timeval: seconds and microseconds. A kernel that does not take it waits two seconds.
        var timeout = stackalloc long[] { (long)limit.TotalSeconds, limit.Milliseconds * 1000L };
        _ = SetSocketOption(descriptor, Family, ConnectTimeout, timeout, 2 * sizeof(long));
        if (ConnectSocket(descriptor, address, AddressBytes) == 0) return handle;
        var (errno, why) = (Marshal.GetLastPInvokeError(), Marshal.GetLastPInvokeErrorMessage());
        handle.Dispose();
        return errno == TimedOut && !last ? null : throw new IOException(why);
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int OpenSocket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static unsafe partial int SetSocketOption(int descriptor, int level, int option, long* value, int length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static unsafe partial int ConnectSocket(int descriptor, byte* address, int length);
}
