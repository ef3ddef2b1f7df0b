using System.Text.Json;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>Reads and writes vm.json.</summary>
internal static class VmRecordFile
{
    public static void Write(VmFacts facts, VmSize size) => Write(facts, size, QemuPaths.Record(facts.Paths));

    internal static void Write(VmFacts facts, VmSize size, string path) => AtomicFile.Write(
        path, JsonSerializer.SerializeToUtf8Bytes(VmRecord.From(facts, size), RecordJson.Default.VmRecord));

    /// <summary>The facts, or null and what is wrong with the record.</summary>
    public static (VmFacts? Facts, VmSize? Size, string? Problem) Read(string path, VmId id, VmPaths expected)
    {
        try
        {
            return Parse(path, RecordBytes.Read(path), id, expected);
        }
        catch (Exception fault) when (!HostFailures.IsShortage(fault))
        {
            return (null, null, $"{path} cannot be read: {fault.Message}");
        }
    }

    internal static (VmFacts? Facts, VmSize? Size, string? Problem) Parse(string path, byte[] contents, VmId id, VmPaths expected)
    {
        try
        {
            if (RecordVersion.Of(contents) is not { } version) return (null, null, $"{path} is no VM record: it has no version");
            if (version != VmRecord.CurrentVersion)
                return (null, null, $"{path} is of version {version}, and this daemon reads version {VmRecord.CurrentVersion}");
            var record = JsonSerializer.Deserialize(contents, RecordJson.Default.VmRecord)
                ?? throw new JsonException("it is null");
            if (record.Id != id.Value) return (null, null, $"{path} is the record of VM {record.Id}");
            // What a record says decides which directories are deleted: it may only ever name this VM's own.
            if (record.Paths.Directory != expected.Directory || record.Paths.Supervisor != expected.Supervisor || Path.GetFileName(record.Paths.ClientDirectory) != id.Value)
                return (null, null, $"{path} names directories that are not this VM's");
            var facts = record.ToFacts(id);
            var size = record.Size ?? new VmSize(facts.Spec.Cpus, facts.Spec.MemoryMiB);
            return Fault(facts, size) is { } fault ? (null, null, $"{path} is damaged: {fault}") : (facts, size, null);
        }
        catch (Exception fault) when (!HostFailures.IsShortage(fault))
        {
            // Whatever it is: it is the fault of this one file.
            return (null, null, $"{path} is damaged: {fault.Message}");
        }
    }

    private static string? Fault(VmFacts facts, VmSize size) =>
        facts.Process.Pid <= 1 ? $"{facts.Process.Pid} is no pid of a VM"
        : size.Cpus < 1 || facts.Spec.Cpus < 1 ? $"it has {Math.Min(size.Cpus, facts.Spec.Cpus)} vCPUs"
        : size.MemoryMiB < 1 || facts.Spec.MemoryMiB < 1 ? $"it has {Math.Min(size.MemoryMiB, facts.Spec.MemoryMiB)} MiB of memory"
        : !Enum.IsDefined(facts.MadeBy) || !Enum.IsDefined(facts.Spec.Accelerator) || !Enum.IsDefined(facts.Spec.Machine) ? "it holds a number that means nothing"
        : null;
}
