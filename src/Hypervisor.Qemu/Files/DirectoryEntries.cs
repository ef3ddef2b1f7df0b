using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Files;

/// <param name="MayBeFile">It is not known to be a directory.</param>
internal readonly record struct DirectoryEntry(byte[] Name, bool MayBeFile);

/// <summary>What is in a directory, read once from its beginning to its end.</summary>
internal sealed class DirectoryEntries(SafeFileHandle directory)
{
    private readonly Queue<DirectoryEntry> _read = new();

    /// <summary>A directory that was moved here.</summary>
    public void Add(byte[] moved) => _read.Enqueue(new DirectoryEntry(moved, MayBeFile: false));

    /// <param name="buffer">For this call alone.</param>
    /// <param name="entry">Null: that was all.</param>
    /// <returns>An errno; 0: none.</returns>
    public int Next(byte[] buffer, out DirectoryEntry? entry)
    {
        entry = null;
        while (_read.Count == 0)
        {
            var errno = FileCalls.ReadEntries(directory, buffer, out var length);
            if (errno != 0 || length == 0) return errno;
            Keep(buffer.AsSpan(0, length));
        }

        entry = _read.Dequeue();
        return 0;
    }

    private void Keep(ReadOnlySpan<byte> records)
    {
        const int size = 16, type = 18, name = 19;
        const byte isDirectory = 4;
        while (!records.IsEmpty)
        {
            var record = records[..BinaryPrimitives.ReadUInt16LittleEndian(records[size..])];
            var text = record[name..];
            text = text[..text.IndexOf((byte)0)];
            if (!text.SequenceEqual("."u8) && !text.SequenceEqual(".."u8))
                _read.Enqueue(new DirectoryEntry(FileNames.Of(text), record[type] != isDirectory));
            records = records[record.Length..];
        }
    }
}
