namespace VmCacheCluster.Kata.Configuration;

/// <summary>What a configuration.toml depends on of its host: Kata's client and server must see the same.</summary>
public interface IKataHost
{
    /// <summary>Logical CPUs.</summary>
    int Cpus { get; }

    long MemoryMiB { get; }

    /// <summary>/dev/vhost-vsock is there.</summary>
    bool HasVhostVsock { get; }

    /// <summary>An absolute path without symbolic links; null: there is nothing.</summary>
    string? Resolve(string path);

    /// <summary>Bytes of a file that is there.</summary>
    long SizeOf(string path);

    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    byte[] Read(string path);

    /// <summary>The files *.toml of a directory, by name; none when it is not there.</summary>
    IReadOnlyList<string> DropIns(string directory);
}
