using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>
/// The right to the directories with this daemon's state: whoever has other sockets and the same directories would end its VMs. The
/// directories themselves are locked, so that neither another name of one nor the removal of all that is in it makes a difference. No
/// program that this one starts inherits a lock, and the kernel ends it with its owner. Templates have locks of their own: daemons may share
/// them.
/// </summary>
public sealed class OwnedDirectories : IDisposable
{
    private const int WouldBlock = 11;
    private const int Tries = 10;

    /// <summary>A cleaner of temporary files holds such a lock for a moment.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly List<Held> _held = [];

    private OwnedDirectories()
    {
    }

    /// <exception cref="EndpointRefusedException">Another process has one of them.</exception>
    public static OwnedDirectories Take(NodeOptions options)
    {
        var taken = new OwnedDirectories();
        try
        {
            foreach (var (key, directory) in new[] { ("run-dir", options.RunDirectory), ("client-dir", options.ClientDirectory), ("state-dir", options.StateDirectory) })
            {
                // The state's is made when it is needed.
                if (!Directory.Exists(directory)) continue;
                var identity = FileState.Of(directory);
                if (taken._held.Any(h => h.Identity.IsSameFile(identity))) continue;
                if (Lock(key, directory, identity, Tries) is { } held) taken._held.Add(new Held(key, directory, held, identity));
            }

            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Where somebody removed a directory, and it was made again since, it is locked anew.</summary>
    /// <returns>Which belong to another process by now.</returns>
    internal IEnumerable<string> Keep(Action<string> tell)
    {
        for (var i = 0; i < _held.Count; i++)
        {
            var held = _held[i];
            if (!Directory.Exists(held.Path) || held.Identity.IsAt(held.Path)) continue;
            if (TryRelock(held, tell, out var again) is { } trouble) yield return trouble;
            else _held[i] = again;
        }
    }

    public void Dispose() => _held.ForEach(h => h.Lock.Dispose());

    private static string? TryRelock(Held held, Action<string> tell, out Held again)
    {
        again = held;
        try
        {
            var identity = FileState.Of(held.Path);
            if (Lock(held.Key, held.Path, identity, most: 1) is not { } next) return null;
            tell($"{held.Key} {held.Path} was removed and made again");
            held.Lock.Dispose();
            again = held with { Lock = next, Identity = identity };
            return null;
        }
        catch (Exception e) when (e is EndpointRefusedException or IOException)
        {
            return e.Message;
        }
    }

    /// <returns>Null: its file system knows no such locks.</returns>
    private static SafeFileHandle? Lock(string key, string directory, FileState identity, int most)
    {
        const int readOnlyDirectoryCloseOnExec = 0x10000 | 0x80000, exclusiveNow = 2 | 4;
        var file = new SafeFileHandle(Open(directory, readOnlyDirectoryCloseOnExec), ownsHandle: true);
        if (file.IsInvalid) throw new EndpointRefusedException($"{key} {directory} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        for (var tries = 1; Flock(file, exclusiveNow) != 0; tries++)
        {
            if (Marshal.GetLastPInvokeError() != WouldBlock)
            {
                file.Dispose();
                return null;
            }

            if (tries == most)
            {
                file.Dispose();
                throw new EndpointRefusedException(
                    $"{key} {directory} belongs to a running vmcached{Owner(identity)}, whose VMs are in it: stop that one first, or name another {key} for this one");
            }

            Thread.Sleep(Pause);
        }

        return file;
    }

    /// <summary>Who holds the lock, in words, as the kernel's list of locks has it: <c>1: FLOCK  ADVISORY  WRITE 4711 00:2d:42 0 EOF</c>.</summary>
    private static string Owner(FileState identity)
    {
        var inode = ":" + identity.Inode.ToString(CultureInfo.InvariantCulture);
        try
        {
            foreach (var line in File.ReadLines("/proc/locks"))
            {
                var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words is [_, "FLOCK", _, "WRITE", var pid, var file, ..] && file.EndsWith(inode, StringComparison.Ordinal) && pid is not "0") return $" (pid {pid})";
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Then without its pid.
        }

        return "";
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static extern int Flock(SafeFileHandle file, int operation);

    private sealed record Held(string Key, string Path, SafeFileHandle Lock, FileState Identity);
}
