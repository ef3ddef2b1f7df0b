using System.Text.Json;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>Reads and writes vm.json.</summary>
internal static class VmRecordFile
{
    private const int MaxBytes = 256 * 1024;

    public static void Write(VmFacts facts) => AtomicFile.Write(
        QemuPaths.Record(facts.Paths), JsonSerializer.SerializeToUtf8Bytes(VmRecord.From(facts), RecordJson.Default.VmRecord));

    /// <summary>The facts, or null and what is wrong with the record.</summary>
    public static (VmFacts? Facts, string? Problem) Read(string path, VmId id, VmPaths expected)
    {
        try
        {
            if (new FileInfo(path) is var file && file.LinkTarget is not null) return (null, $"{path} is a symbolic link");
            if (file.Length > MaxBytes) return (null, $"{path} has {file.Length} bytes");
            return Parse(path, File.ReadAllBytes(path), id, expected);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return (null, $"{path} cannot be read: {fault.Message}");
        }
    }

    internal static (VmFacts? Facts, string? Problem) Parse(string path, byte[] contents, VmId id, VmPaths expected)
    {
        try
        {
            // The version first: a later version may have any other form.
            using (var json = JsonDocument.Parse(contents))
            {
                if (json.RootElement.ValueKind != JsonValueKind.Object
                    || !json.RootElement.TryGetProperty("version", out var member) || !member.TryGetInt32(out var version))
                    return (null, $"{path} is no VM record: it has no version");
                if (version != VmRecord.CurrentVersion)
                    return (null, $"{path} is of version {version}, and this daemon reads version {VmRecord.CurrentVersion}");
            }
            var record = JsonSerializer.Deserialize(contents, RecordJson.Default.VmRecord)
                ?? throw new JsonException("it is null");
            if (record.Id != id.Value) return (null, $"{path} is the record of VM {record.Id}");
            // What a record says decides which directories are deleted: it may only ever name this VM's own.
            if (record.Paths.Directory != expected.Directory || Path.GetFileName(record.Paths.ClientDirectory) != id.Value)
                return (null, $"{path} names directories that are not this VM's");
            return (record.ToFacts(id), null);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return (null, $"{path} is damaged: {fault.Message}");
        }
    }
}
