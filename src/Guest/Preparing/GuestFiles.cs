using System.Runtime.InteropServices;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>The files of one Prepare: first checked, all of them, then written.</summary>
/// <param name="root">What the paths are below; empty in the guest.</param>
internal sealed class GuestFiles(string root = "")
{
    public const uint DefaultMode = 0x1A4, ReadOnlyMode = 0x124;
    private const uint DirectoryMode = 0x1ED, MostMode = 0xFFF;

    private readonly List<(GuestPath Path, uint Mode, ReadOnlyMemory<byte> Content)> _files = [];
    private readonly HashSet<string> _paths = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _directories = new(StringComparer.Ordinal);
    private long _bytes;

    public int Count => _files.Count;

    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT, naming the file: nothing has been written.</exception>
    public void Add(IReadOnlyList<PrepareFile> files)
    {
        if (files.Count > PrepareLimits.Files) throw Faults.Invalid($"files: {files.Count} are more than the {PrepareLimits.Files} allowed");
        if (files.Count == 0) return;
        for (var i = 0; i < files.Count; i++) Add(files[i], $"files[{i}]");
        foreach (var (path, _, _) in _files)
        {
            if (_directories.ContainsKey(path.Text)) throw Faults.Invalid($"files: {Faults.Quote(path.Text)} cannot be a file and a directory");
        }
    }

    /// <exception cref="LinuxException">The file system does not take it. What was written stays.</exception>
    public void WriteAll()
    {
        foreach (var (path, mode, content) in _files)
        {
            foreach (var directory in path.Directories)
            {
                if (_directories[directory]) continue;
                if (Libc.mkdir(root + directory, DirectoryMode) < 0 && Marshal.GetLastPInvokeError() != Linux.EEXIST)
                    throw LinuxException.Last($"cannot make the directory {Faults.Quote(directory)}");
                _directories[directory] = true;
            }

            Write(path.Text, mode, content.Span);
        }
    }

    /// <summary>Writes a file beside the one that is to be replaced and moves it there: no reader sees half of it. A
    /// symbolic link is replaced, not followed.</summary>
    /// <exception cref="LinuxException">The file system does not take it.</exception>
    public void Write(string path, uint mode, ReadOnlySpan<byte> content)
    {
        var target = root + path;
        var draft = string.Concat(target.AsSpan(0, target.LastIndexOf('/') + 1), PreparePath.Draft);
        try
        {
            var descriptor = Libc.open(draft, Linux.O_WRONLY | Linux.O_CREAT | Linux.O_TRUNC | Linux.O_NOFOLLOW | Linux.O_CLOEXEC, mode);
            if (descriptor < 0) throw Failed(path);
            try
            {
                for (var left = content; !left.IsEmpty;) left = left[(Descriptor.Write(descriptor, left) ?? 0)..];
                if (Libc.fchmod(descriptor, mode) < 0) throw Failed(path);
            }
            finally
            {
                _ = Libc.close(descriptor);
            }

            if (Libc.rename(draft, target) < 0) throw Failed(path);
        }
        catch (LinuxException fault)
        {
            _ = Libc.unlink(draft);
            throw new LinuxException($"cannot write {Faults.Quote(path)}", fault.Errno);
        }
    }

    private void Add(PrepareFile file, string item)
    {
        var path = GuestPath.Parse(file.Path, item);
        if (!_paths.Add(path.Text)) throw Faults.Invalid($"{item}: {Faults.Quote(path.Text)} is there twice");
        if (file.Mode > MostMode) throw Faults.Invalid($"{item}: the mode of {Faults.Quote(path.Text)} is more than 07777 (octal)");
        if (file.Content.Length > PrepareLimits.FileBytes)
            throw Faults.Invalid($"{item}: {Faults.Quote(path.Text)} has {file.Content.Length} bytes, more than the {PrepareLimits.FileBytes} allowed");
        _bytes += file.Content.Length;
        if (_bytes > PrepareLimits.AllFilesBytes)
            throw Faults.Invalid($"{item}: with {Faults.Quote(path.Text)} the files exceed the {PrepareLimits.AllFilesBytes} bytes allowed together");
        CheckPlace(path, item);
        _files.Add((path, file.Mode == 0 ? DefaultMode : file.Mode, file.Content.Memory));
    }

    private void CheckPlace(GuestPath path, string item)
    {
        var above = true;
        foreach (var directory in path.Directories)
        {
            if (!_directories.TryGetValue(directory, out var exists))
            {
                exists = above && IsDirectory(directory) switch
                {
                    null => false,
                    true => true,
                    false => throw Faults.Invalid(
                        $"{item}: {Faults.Quote(path.Text)} lies below {Faults.Quote(directory)}, which is no directory or a symbolic link"),
                };
                _directories[directory] = exists;
            }

            above = exists;
        }

        if (above && IsDirectory(path.Text) == true) throw Faults.Invalid($"{item}: {Faults.Quote(path.Text)} is a directory");
    }

    /// <returns>Null when nothing is there; false for a symbolic link, too.</returns>
    private bool? IsDirectory(string path)
    {
        var descriptor = Libc.open(root + path, Linux.O_PATH | Linux.O_DIRECTORY | Linux.O_NOFOLLOW | Linux.O_CLOEXEC, 0);
        if (descriptor < 0) return Marshal.GetLastPInvokeError() == Linux.ENOENT ? null : false;
        _ = Libc.close(descriptor);
        return true;
    }

    private static LinuxException Failed(string path) => LinuxException.Last(path);
}
