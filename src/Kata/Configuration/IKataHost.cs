namespace VmCacheCluster.Kata.Configuration;

/// <summary>What a configuration.toml depends on of its host: Kata's client and server must see the same.</summary>
public interface IKataHost
{
    /// <summary>Logical CPUs.</summary>
    int Cpus { get; }

    long MemoryMiB { get; }

    /// <summary>It is a VM itself.</summary>
    bool IsVm { get; }

    /// <summary>/dev/vhost-vsock is there.</summary>
    bool HasVhostVsock { get; }

    /// <summary>An absolute path without symbolic links; null: there is nothing.</summary>
    string? Resolve(string path);

    /// <summary>Bytes of a file; null: what is there is none, such as a directory, or cannot be reached.</summary>
    long? SizeOf(string path);

    /// <summary>A file's contents, or its first bytes.</summary>
    /// <param name="most">So many bytes at most: nobody knows what a path leads to.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    byte[] Read(string path, int most);

    /// <summary>All that is in a directory, by name, as Kata reads it; nothing when it is not there.</summary>
    /// <exception cref="IOException">It cannot be read, or is no directory.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    IReadOnlyList<string> DropIns(string directory);

    /// <summary>The CPUs of each NUMA node, such as "0-3,8", by the node's number.</summary>
    IReadOnlyDictionary<int, string> NumaNodes { get; }
}
