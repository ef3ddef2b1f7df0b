using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VmCacheCluster.Agent;

/// <summary>A connection on the vsock bus (vsock(7)), which .NET has no addresses for.</summary>
internal sealed partial class VsockStream : ConnectionStream
{
    private const int Family = 40, StreamCloseOnExec = 1 | 0x80000, AddressBytes = 16;

    private readonly Socket _socket;

    private VsockStream(Socket socket) => _socket = socket;

    /// <exception cref="IOException">Nobody listens there; the kernel gives up after two seconds where there is no such guest.</exception>
    public static async Task<VsockStream> ConnectAsync(uint cid, uint port, CancellationToken cancel)
    {
        // The call blocks, for as long as said above at most.
        var connecting = Task.Run(() => Connect(cid, port), CancellationToken.None);
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

    private static unsafe SafeSocketHandle Connect(uint cid, uint port)
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
        if (ConnectSocket(descriptor, address, AddressBytes) == 0) return handle;
        var why = Marshal.GetLastPInvokeErrorMessage();
        handle.Dispose();
        throw new IOException(why);
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int OpenSocket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static unsafe partial int ConnectSocket(int descriptor, byte* address, int length);
}
