using System.Text.Json;
using System.Text.Json.Serialization;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Gateway.Pools;

/// <summary>pools.json in the state directory: the pools that were applied, across boots.</summary>
public sealed class PoolsFile(string directory)
{
    private const int Version = 1;
    private const int MostBytes = 16 * 1024 * 1024;

    private string Path => System.IO.Path.Combine(directory, "pools.json");

    /// <returns>Nothing when there is no such file.</returns>
    /// <exception cref="IOException">It cannot be read, or makes no sense.</exception>
    public PoolCatalog Read()
    {
        byte[] bytes;
        try
        {
            bytes = RecordBytes.Read(Path, MostBytes);
        }
        catch (FileNotFoundException)
        {
            return PoolCatalog.Empty;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or InvalidDataException)
        {
            throw new IOException($"{Path}: {e.Message}", e);
        }

        try
        {
            if (JsonSerializer.Deserialize(bytes, PoolsJson.Default.KeptPools) is not { Version: Version, Pools: { } pools }) throw new IOException($"{Path} is of another version");
            return new PoolCatalog(pools.Select(Known).ToDictionary(p => p.Wanted.Name));
        }
        catch (Exception e) when (e is not IOException)
        {
            throw new IOException($"{Path}: {e.Message}", e);
        }
    }

    /// <summary>On the disk when it returns: it has to be there after the power was out.</summary>
    /// <exception cref="IOException">It could not be written, or not be read again; what was there before is there still.</exception>
    public async Task WriteAsync(PoolCatalog catalog, CancellationToken cancel)
    {
        var next = Path + ".next";
        var kept = JsonSerializer.SerializeToUtf8Bytes(
            new KeptPools(Version, [.. catalog.Pools.Values.OrderBy(p => p.Wanted.Name.Value, StringComparer.Ordinal).Select(Kept)]),
            PoolsJson.Default.KeptPools);
        if (kept.Length > MostBytes) throw new IOException($"{Path} would have {kept.Length} bytes, of at most {MostBytes}");
        try
        {
            Directory.CreateDirectory(directory, RunDirectories.OwnerOnly);
            await using (var file = new FileStream(next, FileMode.Create, FileAccess.Write, FileShare.None, 4096, FileOptions.Asynchronous))
            {
                await file.WriteAsync(kept, cancel).ConfigureAwait(false);
                file.Flush(flushToDisk: true);
            }

            File.Move(next, Path, overwrite: true);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static KeptPool Kept(KnownPool pool) => new(
        pool.Wanted.Name.Value, pool.Wanted.Version, pool.Wanted.Text, pool.Wanted.Deleted,
        pool.Reached == pool.Wanted ? null : new KeptBefore(pool.Reached.Version, pool.Reached.Text, pool.Reached.Deleted), pool.Undone, pool.Share);

    private static KnownPool Known(KeptPool kept)
    {
        if (!PoolName.TryParse(kept.Name, out var name)) throw new JsonException($"\"{kept.Name}\" is no pool's name");
        var wanted = new PoolDefinition(name, kept.Version, kept.Text ?? "", kept.Deleted);
        return new KnownPool(wanted, kept.Before is { } before ? new PoolDefinition(name, before.Version, before.Text ?? "", before.Deleted) : wanted, kept.Undone, kept.Share);
    }
}

internal sealed record KeptPools(int Version, IReadOnlyList<KeptPool>? Pools);

/// <param name="Before">What is gone back to, where that is something else.</param>
internal sealed record KeptPool(string? Name, long Version, string? Text, bool Deleted, KeptBefore? Before, string? Undone, int Share);

internal sealed record KeptBefore(long Version, string? Text, bool Deleted);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(KeptPools))]
internal sealed partial class PoolsJson : JsonSerializerContext;
