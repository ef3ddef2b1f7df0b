using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Files;

/// <summary>
/// Removes a directory and all that is in it, and nothing else: every step goes by the descriptor of the directory before it, follows no
/// link and leaves no mount, judged by the mount and not by the device. What is mounted there is detached first. All may change meanwhile.
/// </summary>
internal sealed class TreeRemover : IDisposable
{
    /// <summary>So many descriptors are open at once; what lies deeper is moved up to the tree's root first.</summary>
    private const int MostLevels = 64;

    /// <summary>So many times a directory may turn out not to be empty after all, or something else than it was.</summary>
    private const int MostTries = 100;

    private readonly SafeFileHandle _parent;
    private readonly byte[] _parentPath;
    private readonly MountDetacher _mounts = new();
    private readonly Stack<TreeLevel> _levels = new();
    private readonly byte[] _buffer = new byte[32 * 1024];

    private TreeRemover(SafeFileHandle parent, byte[] parentPath) => (_parent, _parentPath) = (parent, parentPath);

    /// <summary>One that is not there is as good as removed; a link or a file in its place is removed itself.</summary>
    /// <param name="path">Absolute; the directory that it is in is an operator's, and may be reached by links.</param>
    /// <exception cref="IOException">Something of it is still there; of what is mounted there, nothing was touched.</exception>
    public static void Remove(string path) => Remove(path, detached: null);

    /// <param name="detached">For specs: called when what was mounted is detached and nothing is removed yet.</param>
    internal static void Remove(string path, Action? detached)
    {
        var (directory, name) = (Path.GetDirectoryName(path)!, FileNames.Of(Path.GetFileName(path)));
        var errno = FileCalls.OpenDirectory(directory, out var parent);
        using (parent)
        {
            if (errno is FileCalls.ENOENT) return;
            if (errno != 0) throw NotRemovedException.Of(FileNames.Bytes(FileNames.Of(directory)), errno);
            using var remover = new TreeRemover(parent, FileCalls.PathOf(parent));
            if (!remover.Enter(parent, name, tries: 0)) return;
            MountDetacher.DetachBelow(remover._levels.Peek().Handle);
            detached?.Invoke();
            remover.RemoveAll();
        }
    }

    public void Dispose()
    {
        foreach (var level in _levels) level.Dispose();
    }

    private void RemoveAll()
    {
        while (_levels.TryPeek(out var level))
        {
            var errno = level.Entries.Next(_buffer, out var entry);
            if (errno is not (0 or FileCalls.ENOENT)) throw NotRemovedException.Of(PathOf(null), errno);
            if (entry is not { } next) Leave(_levels.Pop());
            else if (next.MayBeFile) RemoveFile(level.Handle, next.Name);
            else Enter(level.Handle, next.Name, tries: 0);
        }
    }

    private void RemoveFile(SafeFileHandle parent, byte[] name)
    {
        for (var tries = 0; ; tries++)
        {
            var errno = FileCalls.Unlink(parent, name, directory: false);
            switch (errno)
            {
                case 0 or FileCalls.ENOENT:
                    return;
                case FileCalls.EISDIR when tries < MostTries:
                    Enter(parent, name, tries);
                    return;
                case FileCalls.EBUSY when _mounts.Detach(parent, name):
                    break;
                default:
                    throw NotRemovedException.Of(PathOf(name), errno);
            }
        }
    }

    /// <summary>What is in the directory is removed next; what is none is removed at once.</summary>
    /// <returns>False: there is nothing more to do about it for now.</returns>
    private bool Enter(SafeFileHandle parent, byte[] name, int tries)
    {
        for (; ; tries++)
        {
            var errno = FileCalls.OpenChild(parent, name, out var directory);
            if (errno == 0)
            {
                if (_levels.Count == MostLevels)
                {
                    directory.Dispose();
                    if (MoveUp(parent, name)) return false;
                    continue;
                }

                _levels.Push(new TreeLevel(directory, name, tries));
                return true;
            }

            directory.Dispose();
            if (errno == FileCalls.ENOENT) return false;
            if (errno is FileCalls.ENOTDIR or FileCalls.ELOOP)
            {
                errno = FileCalls.Unlink(parent, name, directory: false);
                if (errno is 0 or FileCalls.ENOENT) return false;
            }

            var again = errno switch
            {
                // One that was there is gone as well.
                FileCalls.EXDEV => _mounts.Detach(parent, name) || tries < MostTries,
                FileCalls.EBUSY => _mounts.Detach(parent, name),
                _ => errno is FileCalls.EISDIR or FileCalls.EAGAIN,
            };
            if (!again || tries >= MostTries) throw NotRemovedException.Of(PathOf(name), errno);
        }
    }

    /// <summary>The directory has been read to its end, and is removed unless something is in it again.</summary>
    private void Leave(TreeLevel level)
    {
        level.Dispose();
        var parent = _levels.TryPeek(out var above) ? above.Handle : _parent;
        for (var tries = level.Tries; ;)
        {
            var errno = FileCalls.Unlink(parent, level.Name, directory: true);
            switch (errno)
            {
                case 0 or FileCalls.ENOENT:
                    return;
                case FileCalls.EBUSY when _mounts.Detach(parent, level.Name):
                    break;
                case FileCalls.ENOTEMPTY or FileCalls.ENOTDIR when ++tries < MostTries:
                    Enter(parent, level.Name, tries);
                    return;
                default:
                    throw errno == FileCalls.ENOTEMPTY
                        ? new NotRemovedException(
                            $"files are made in {FileNames.Text(PathOf(level.Name))} all the time", "end the program that writes there")
                        : NotRemovedException.Of(PathOf(level.Name), errno);
            }
        }
    }

    /// <returns>False: something is there instead of it by now.</returns>
    private bool MoveUp(SafeFileHandle parent, byte[] name)
    {
        var (root, above) = (_levels.Last(), FileNames.Of($".removed-{Guid.NewGuid():N}"));
        while (true)
        {
            var errno = FileCalls.Rename(parent, name, root.Handle, above);
            if (errno == 0) root.Entries.Add(above);
            if (errno is 0 or FileCalls.ENOENT) return true;
            if (errno != FileCalls.EBUSY || !_mounts.Detach(parent, name)) throw NotRemovedException.Of(PathOf(name), errno);
        }
    }

    /// <summary>As far as it is known where it is now.</summary>
    private byte[] PathOf(byte[]? name)
    {
        var path = _levels.Reverse().Aggregate(_parentPath, (path, level) => FileNames.Join(path, FileNames.Bytes(level.Name)));
        return name is null ? path : FileNames.Join(path, FileNames.Bytes(name));
    }
}
