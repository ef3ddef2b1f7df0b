using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>
/// The right to the directories with this daemon's state: whoever has other sockets and the same directories would end its VMs. Templates
/// have locks of their own: daemons may share them.
/// </summary>
public sealed class OwnedDirectories : IDisposable
{
    private const int Tries = 10;

    private readonly List<DirectoryLock> _held = [];

    /// <summary>Not there, or not ours to write: locked once that changes.</summary>
    private readonly List<(string Key, string Path)> _awaited = [];

    private OwnedDirectories()
    {
    }

    /// <summary>Locks them. The state's is made where it can be; else somebody may make it later.</summary>
    /// <exception cref="EndpointRefusedException">Another process has one of them.</exception>
    public static OwnedDirectories Take(NodeOptions options)
    {
        var taken = new OwnedDirectories();
        try
        {
            Make(options.StateDirectory);
            foreach (var (key, directory) in new[]
            {
                ("run-dir", options.RunDirectory), ("client-dir", options.ClientDirectory), ("state-dir", options.StateDirectory),
            })
            {
                if (directory.Length > 0 && !taken.Hold(key, directory, Tries)) taken._awaited.Add((key, directory));
            }

            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Locks anew what somebody removed and what was made again since, and what was not there before.</summary>
    /// <returns>Which belong to another process by now.</returns>
    public IReadOnlyList<string> Keep(Action<string> tell)
    {
        List<string> troubles = [];
        for (var i = 0; i < _held.Count; i++)
        {
            var held = _held[i];
            Try(() =>
            {
                if (!Directory.Exists(held.Path) || held.Identity.IsAt(held.Path)) return;
                if (DirectoryLock.Take(held.Key, held.Path, tries: 1) is not { } next) return;
                tell($"{held.Key} {held.Path} was removed and made again");
                held.Dispose();
                _held[i] = next;
            });
        }

        foreach (var awaited in _awaited.ToArray())
        {
            Try(() =>
            {
                if (Hold(awaited.Key, awaited.Path, tries: 1)) _awaited.Remove(awaited);
            });
        }

        return troubles;

        void Try(Action action)
        {
            try
            {
                action();
            }
            catch (Exception e) when (e is EndpointRefusedException or IOException)
            {
                troubles.Add(e.Message);
            }
        }
    }

    public void Dispose() => _held.ForEach(h => h.Dispose());

    /// <returns>False: there is nothing to lock now.</returns>
    private bool Hold(string key, string directory, int tries)
    {
        if (!Directory.Exists(directory)) return false;
        // Two keys may name one directory.
        var identity = FileState.Of(directory);
        if (_held.Exists(h => h.Identity.IsSameFile(identity))) return true;
        if (DirectoryLock.Take(key, directory, tries) is not { } held) return false;
        _held.Add(held);
        return true;
    }

    private static void Make(string directory)
    {
        try
        {
            if (directory.Length > 0) Directory.CreateDirectory(directory, RunDirectories.OwnerOnly);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Whoever needs it says so.
        }
    }
}
