using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>A template's directory: <c>memory</c> with holes, <c>state</c>, and <c>template.json</c>, which has the digests of both.</summary>
internal static class TemplateFiles
{
    private const int Form = 2;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static string State(string directory) => Path.Combine(directory, "state");

    public static string Memory(string directory) => Path.Combine(directory, "memory");

    /// <summary>Completes a directory that holds the state already.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static Description Write(string directory, TemplateDigest digest, DateTimeOffset madeAt, MemoryFile memory, byte[] state, CancellationToken cancel)
    {
        Copied copied;
        using (var file = File.OpenHandle(Memory(directory), FileMode.CreateNew, FileAccess.Write))
        {
            File.SetUnixFileMode(file, OwnerOnly);
            copied = SparseCopy.Run(memory.Handle, file, cancel);
        }

        var description = new Description(Form, digest.Value, madeAt, memory.Length, copied.Bytes, copied.Digest, Convert.ToHexStringLower(SHA256.HashData(state)));
        Write(directory, description);
        return description;
    }

    /// <summary>Completes a directory that holds state and memory of another host's template. Whether they are that is found when it is loaded.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(string directory, TemplateDigest digest, DateTimeOffset madeAt, TemplateOffer offer, string from) => Write(
        directory, new Description(Form, digest.Value, madeAt, offer.MemoryLength, offer.MemoryBytes, offer.MemoryDigest, offer.StateDigest, from));

    /// <summary>A file that is written bit by bit; what was not written is a hole.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static SafeFileHandle OpenDraft(string path, long length, bool anew)
    {
        var file = File.OpenHandle(path, anew ? FileMode.Create : FileMode.Open, FileAccess.Write);
        if (!anew) return file;
        File.SetUnixFileMode(file, OwnerOnly);
        RandomAccess.SetLength(file, length);
        return file;
    }

    /// <summary>Reads and checks everything.</summary>
    /// <exception cref="InvalidDataException">It is not what was written.</exception>
    /// <exception cref="IOException">It cannot be read, or the host has no memory for it.</exception>
    public static LoadedTemplate Load(string directory, TemplateDigest digest, CancellationToken cancel)
    {
        var description = Describe(directory, digest);
        var state = ReadState(State(directory));
        if (Convert.ToHexStringLower(SHA256.HashData(state)) != description.StateDigest) throw new InvalidDataException("its device state is not what was saved");
        using var file = File.OpenHandle(Memory(directory));
        if (RandomAccess.GetLength(file) != description.MemoryLength)
            throw new InvalidDataException($"its memory is truncated or another one's: {RandomAccess.GetLength(file)} bytes, not {description.MemoryLength}");
        var memory = MemoryFile.Create("vmcache-template", description.MemoryLength);
        try
        {
            if (SparseCopy.Run(file, memory.Handle, cancel).Digest != description.MemoryDigest) throw new InvalidDataException("its memory is not what was saved");
            memory.Seal();
            return new LoadedTemplate(description, memory, InMemory(state));
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>A sealed copy.</summary>
    public static MemoryFile InMemory(byte[] state)
    {
        var file = MemoryFile.Create("vmcache-state", state.Length);
        RandomAccess.Write(file.Handle, state, 0);
        file.Seal();
        return file;
    }

    private static Description Describe(string directory, TemplateDigest digest)
    {
        Description? description;
        try
        {
            description = JsonSerializer.Deserialize(File.ReadAllBytes(Record(directory)), TemplateJson.Default.Description);
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"its description cannot be read: {fault.Message}", fault);
        }

        if (description is not { Form: Form }) throw new InvalidDataException($"it has form {description?.Form}, this daemon reads {Form}");
        if (description.Digest != digest.Value) throw new InvalidDataException("it is another one's: its digest differs");
        return description.Fault is { } wrong ? throw new InvalidDataException($"its description makes no sense: {wrong}") : description;
    }

    private static byte[] ReadState(string path)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        if (length is <= 0 or > TemplateOffer.MostState) throw new InvalidDataException($"its device state has {length} bytes, which is none's");
        var state = new byte[length];
        for (int at = 0, read; at < state.Length; at += read)
        {
            read = RandomAccess.Read(file, state.AsSpan(at), at);
            if (read == 0) throw new InvalidDataException("its device state became shorter while it was read");
        }

        return state;
    }

    private static void Write(string directory, Description description)
        => AtomicFile.Write(Record(directory), JsonSerializer.SerializeToUtf8Bytes(description, TemplateJson.Default.Description));

    private static string Record(string directory) => Path.Combine(directory, "template.json");
}

/// <summary>template.json.</summary>
/// <param name="MemoryBytes">Without holes.</param>
/// <param name="From">The node that it was taken from; null: it was made here.</param>
internal sealed record Description(
    int Form, string Digest, DateTimeOffset MadeAt, long MemoryLength, long MemoryBytes, string MemoryDigest, string StateDigest, string? From = null)
{
    /// <summary>What of it can be no template's; null: nothing.</summary>
    [JsonIgnore]
    public string? Fault => MemoryLength <= 0 || MemoryLength % MemoryRuns.Page != 0 ? $"memoryLength is {MemoryLength}"
        : MemoryBytes < 0 || MemoryBytes > MemoryLength ? $"memoryBytes is {MemoryBytes}, of {MemoryLength}"
        : MadeAt.ToUnixTimeMilliseconds() < 0 ? $"madeAt is {MadeAt:O}"
        : null;
}

[JsonSerializable(typeof(Description))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
internal sealed partial class TemplateJson : JsonSerializerContext;
