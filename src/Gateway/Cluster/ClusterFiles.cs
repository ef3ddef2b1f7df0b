using System.Text.Json;
using System.Text.Json.Serialization;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>cluster.json in the state directory: which cluster this host is in, across boots.</summary>
public sealed class ClusterFile(string directory)
{
    private const int Version = 1;

    private string Path => System.IO.Path.Combine(directory, "cluster.json");

    /// <returns>Null: this host never was in a cluster.</returns>
    /// <exception cref="IOException">It cannot be read, or makes no sense.</exception>
    public async Task<ClusterMemory?> ReadAsync(CancellationToken cancel)
    {
        byte[] bytes;
        try
        {
            bytes = await File.ReadAllBytesAsync(Path, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        try
        {
            var kept = JsonSerializer.Deserialize(bytes, ClusterJson.Default.KeptCluster);
            if (kept is not { Version: Version, Name: { } name, Id: { } id, Members: { } members }) throw new IOException($"{Path} is of another version");
            return new ClusterMemory(name, id, [.. members.Select(m => NodeAddress.TryParse(m, out var at) ? at : throw new IOException($"{Path} names a member \"{m}\""))])
            {
                Names = Names(kept.Names), Former = Names(kept.Former),
            };
        }
        catch (JsonException e)
        {
            throw new IOException($"{Path}: {e.Message}", e);
        }
    }

    /// <param name="kept">Null: it was written before names were kept.</param>
    private List<NodeName> Names(IReadOnlyList<string>? kept)
        => [.. (kept ?? []).Select(n => NodeName.TryParse(n, out var name) ? name : throw new IOException($"{Path} names a host \"{n}\""))];

    /// <summary>On the disk when it returns: it has to be there after the power was out.</summary>
    public async Task WriteAsync(ClusterMemory memory, CancellationToken cancel)
    {
        var next = Path + ".next";
        var kept = new KeptCluster(Version, memory.ClusterName, memory.ClusterId, [.. memory.Members.Select(m => m.ToString())], [.. memory.Names.Select(n => n.Value)], [.. memory.Former.Select(n => n.Value)]);
        await using (var file = new FileStream(next, FileMode.Create, FileAccess.Write, FileShare.None, 4096, FileOptions.Asynchronous))
        {
            await JsonSerializer.SerializeAsync(file, kept, ClusterJson.Default.KeptCluster, cancel).ConfigureAwait(false);
            file.Flush(flushToDisk: true);
        }

        File.Move(next, Path, overwrite: true);
    }
}

internal sealed record KeptCluster(
    int Version, string? Name, string? Id, IReadOnlyList<string>? Members, IReadOnlyList<string>? Names = null, IReadOnlyList<string>? Former = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(KeptCluster))]
internal sealed partial class ClusterJson : JsonSerializerContext;
