using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>
/// /etc/hostname and /etc/machine-id. They are kept open and written in place until the first program is started: nobody
/// can have replaced them, and nobody reads half of them. Making and moving a file takes a guest without KVM ten
/// milliseconds, on the path of every VM that is handed out. After that they are replaced as any file.
/// </summary>
/// <param name="root">What the paths are below; empty in the guest.</param>
internal sealed class IdentityFiles(string root = "")
{
    public const string HostnamePath = "/etc/hostname";
    public const string MachineIdPath = "/etc/machine-id";

    // What machine-id(5) has for a machine that has none yet.
    private const string NoMachineId = "uninitialized";
    private const int LongestLine = 128;

    private readonly Lock _gate = new();
    private readonly OpenFile _hostname = new(root, HostnamePath, GuestFiles.DefaultMode);
    private readonly OpenFile _machineId = new(root, MachineIdPath, GuestFiles.ReadOnlyMode);
    private bool _taken;

    /// <summary>Makes them ready to be written in place, while the VM boots. Once they are somebody's it does nothing.</summary>
    /// <exception cref="LinuxException">The file system does not take it.</exception>
    public void Open(string hostname)
    {
        lock (_gate)
        {
            if (_taken) return;
            _hostname.Open();
            _machineId.Open();
            Write(_hostname, hostname);
            Write(_machineId, NoMachineId);
        }
    }

    /// <summary>To be called before a program is started.</summary>
    public void LetGo()
    {
        lock (_gate)
        {
            _taken = true;
            _hostname.Close();
            _machineId.Close();
        }
    }

    /// <exception cref="LinuxException">The file system does not take it.</exception>
    public void WriteHostname(string hostname)
    {
        lock (_gate)
        {
            _taken = true;
            Write(_hostname, hostname);
        }
    }

    /// <exception cref="LinuxException">The file system does not take it.</exception>
    public void WriteMachineId(string machineId)
    {
        lock (_gate)
        {
            _taken = true;
            Write(_machineId, machineId);
        }
    }

    /// <param name="text">Of ASCII, which has been checked.</param>
    private static void Write(OpenFile file, string text)
    {
        Span<byte> line = stackalloc byte[LongestLine];
        for (var i = 0; i < text.Length; i++) line[i] = (byte)text[i];
        line[text.Length] = (byte)'\n';
        file.Write(line[..(text.Length + 1)]);
    }

    private sealed class OpenFile(string root, string path, uint mode)
    {
        private int _descriptor = -1;
        private int _length = int.MaxValue;

        public void Open()
        {
            _descriptor = Libc.open(root + path, Linux.O_WRONLY | Linux.O_CREAT | Linux.O_NOFOLLOW | Linux.O_CLOEXEC, mode);
            if (_descriptor < 0) throw LinuxException.Last($"cannot open {path}");
        }

        public void Close()
        {
            if (_descriptor >= 0) _ = Libc.close(_descriptor);
            _descriptor = -1;
        }

        public unsafe void Write(ReadOnlySpan<byte> content)
        {
            if (_descriptor < 0)
            {
                new GuestFiles(root).Write(path, mode, content);
                return;
            }

            fixed (byte* start = content)
            {
                if (Libc.pwrite(_descriptor, start, (nuint)content.Length, 0) != content.Length) throw LinuxException.Last($"cannot write {path}");
            }

            if (content.Length < _length && Libc.ftruncate(_descriptor, content.Length) < 0) throw LinuxException.Last($"cannot write {path}");
            _length = content.Length;
        }
    }
}
