using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>
/// The right to a Unix socket's path: a lock file beside it, held until the process ends (so that no stopping daemon can
/// take its successor's socket away), and a connect test for owners that know no lock. A stale socket is removed.
/// </summary>
public sealed class OwnedSocket : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerDirectory = OwnerOnly | UnixFileMode.UserExecute;

    /// <summary>EWOULDBLOCK, as .NET reports a lock that another process holds.</summary>
    private const int WouldBlock = 11;

    private FileStream _lock;
    private FileState? _bound;
    private string? _awaited;

    private OwnedSocket(string path, FileStream @lock) => (Path, _lock) = (path, @lock);

    public string Path { get; }

    /// <exception cref="EndpointRefusedException">Somebody else listens there, or the path cannot be used.</exception>
    public static OwnedSocket Take(string path)
    {
        try
        {
            var directory = System.IO.Path.GetDirectoryName(path)!;
            MakeDirectory(directory);
            var held = Lock(path);
            try
            {
                RemoveStale(path);
                return new OwnedSocket(path, held);
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EndpointRefusedException($"cannot listen on {path}: {e.Message}; choose another socket with --endpoint");
        }
    }

    /// <summary>Kestrel creates the socket world-connectable as far as its directory allows: narrow it.</summary>
    public void Restrict()
    {
        File.SetUnixFileMode(Path, OwnerOnly);
        _bound = FileState.Of(Path);
    }

    /// <summary>Has it made again when somebody removed it, and narrows it once it is there.</summary>
    /// <param name="tell">Told what was found and done.</param>
    /// <returns>Why it cannot be reached now; null: it can, or will be soon.</returns>
    internal string? Keep(AddedSockets added, Action<string> tell)
    {
        try
        {
            if (_bound is { } bound ? bound.IsAt(Path) : _awaited is null) return null;
            if (_bound is null && IsThere())
            {
                Restrict();
                _awaited = null;
                tell($"{Path} is there again");
                return null;
            }

            var failed = _awaited is { Length: > 0 } && _bound is null;
            if (_awaited is null) tell($"{Path} was removed or replaced, and is made again");
            if (failed) added.Forget(_awaited!);
            _bound = null;
            MakeFree();
            _awaited = added.Add(Path);
            return failed ? $"{Path} was removed and could not be bound again" : null;
        }
        catch (Exception e)
        {
            // Whatever it is, nothing was added: the next look begins anew.
            _awaited ??= "";
            return e.Message;
        }
    }

    /// <summary>As <see cref="Take"/>, of a path that was ours.</summary>
    private void MakeFree()
    {
        var directory = System.IO.Path.GetDirectoryName(Path)!;
        MakeDirectory(directory);
        if (!FileState.Of(_lock.SafeFileHandle).IsAt(Path + ".lock"))
        {
            var next = Lock(Path);
            _lock.Dispose();
            _lock = next;
        }

        RemoveStale(Path);
    }

    private static void MakeDirectory(string directory)
    {
        if (Directory.Exists(directory)) return;
        Directory.CreateDirectory(directory, OwnerDirectory);
        // Somebody may have been quicker.
        if (SafePath.Fault(directory, shared: true) is { } fault) throw new EndpointRefusedException($"cannot listen in {directory}: {fault}; choose another socket with --endpoint");
    }

    private bool IsThere() => File.Exists(Path) && IsSocket(Path) && Listens(Path);

    private static bool Listens(string path)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return PeerPid(probe) == $" (pid {Environment.ProcessId})";
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public void Dispose() => _lock.Dispose();

    private static FileStream Lock(string path)
    {
        try
        {
            var file = new FileStream(path + ".lock", new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, UnixCreateMode = OwnerOnly,
            });
            file.SetLength(0);
            file.Write(Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"));
            file.Flush();
            return file;
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            throw new EndpointRefusedException(
                $"{path} belongs to a running vmcached{Owner(path)}: stop it first, or choose another socket with --endpoint");
        }
    }

    /// <summary>Who holds the lock, in words: an owner that is starting or stopping does not listen.</summary>
    private static string Owner(string path)
    {
        // Opened by the system call: .NET would want a lock of its own even for reading.
        using var file = new SafeFileHandle(OpenForReading(path + ".lock", 0), ownsHandle: true);
        if (file.IsInvalid) return "";
        Span<byte> text = stackalloc byte[16];
        var read = RandomAccess.Read(file, text, 0);
        return int.TryParse(Encoding.ASCII.GetString(text[..read]).Trim(), CultureInfo.InvariantCulture, out var pid) ? $" (pid {pid})" : "";
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int OpenForReading([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    private static void RemoveStale(string path)
    {
        if (!Occupied(path)) return;
        if ((File.GetAttributes(path) & FileAttributes.Directory) != 0)
        {
            throw new EndpointRefusedException($"{path} is a directory: name a socket in it, such as {path.TrimEnd('/')}/cache.sock");
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused && IsSocket(path))
        {
            File.Delete(path);
            return;
        }
        catch (SocketException)
        {
            throw new EndpointRefusedException($"{path} exists and is no socket of a vmcached: move it away, or choose another socket with --endpoint");
        }

        throw new EndpointRefusedException(
            $"{path} belongs to another running program{PeerPid(probe)}: stop it first, or choose another socket with --endpoint");
    }

    private static bool Occupied(string path) => Directory.Exists(path) || File.Exists(path) || new FileInfo(path).LinkTarget is not null;

    /// <summary>A regular file refuses connections too; it is never ours to delete.</summary>
    private static bool IsSocket(string path)
    {
        try
        {
            using var _ = new FileStream(path, FileMode.Open, FileAccess.Read);
            return false;
        }
        catch (IOException)
        {
            // ENXIO: sockets cannot be opened.
            return true;
        }
    }

    private static string PeerPid(Socket connected)
    {
        Span<byte> credentials = stackalloc byte[12];
        const int solSocket = 1, soPeerCred = 17;
        var size = connected.GetRawSocketOption(solSocket, soPeerCred, credentials);
        return size == credentials.Length ? $" (pid {BitConverter.ToInt32(credentials)})" : "";
    }
}
