using System.Text.Json;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>What was proved about KVM since the host's boot. A file that cannot be read or written costs a new proof, no more.</summary>
internal sealed class VerdictFile(string path, Guid bootId)
{
    private readonly Lock _gate = new();

    public AcceleratorVerdict? Find(string key)
    {
        lock (_gate)
            return Read().TryGetValue(key, out var entry) ? new AcceleratorVerdict(entry.Accelerator, entry.Reason) : null;
    }

    public void Remember(string key, AcceleratorVerdict verdict)
    {
        lock (_gate)
        {
            var verdicts = Read();
            verdicts[key] = new VerdictEntry(verdict.Accelerator, verdict.Reason);
            try
            {
                AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(
                    new VerdictRecord(VerdictRecord.CurrentVersion, bootId, verdicts), RecordJson.Default.VerdictRecord));
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // The verdict still holds for this process, which has it from the proof itself.
            }
        }
    }

    private Dictionary<string, VerdictEntry> Read()
    {
        try
        {
            var record = JsonSerializer.Deserialize(RecordBytes.Read(path), RecordJson.Default.VerdictRecord);
            return record is { Version: VerdictRecord.CurrentVersion } && record.BootId == bootId ? record.Verdicts : [];
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            return [];
        }
    }
}
