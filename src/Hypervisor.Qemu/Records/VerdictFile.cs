using System.Text.Json;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>What was settled about KVM since the host's boot. A file that cannot be read or written costs a new proof, no more.</summary>
internal sealed class VerdictFile(string path, Guid bootId)
{
    private readonly Lock _gate = new();

    public AcceleratorVerdict? Find(string key)
    {
        lock (_gate)
        {
            // Versions before wrote down as a refusal what was the load of the host, too: that is proved once more.
            return Read().TryGetValue(key, out var entry) && (entry.Accelerator == Accelerator.Kvm || entry.Refused)
                ? new AcceleratorVerdict(entry.Accelerator, entry.Reason) : null;
        }
    }

    public void Remember(string key, AcceleratorVerdict verdict)
    {
        lock (_gate)
        {
            var verdicts = Read();
            verdicts[key] = new VerdictEntry(verdict.Accelerator, verdict.Reason, Refused: verdict.Accelerator == Accelerator.Tcg);
            try
            {
                Write(verdicts);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // The verdict still holds for this process, which has it from the proof itself.
            }
        }
    }

    /// <exception cref="IOException">They are still there.</exception>
    public void ForgetRefusals()
    {
        lock (_gate)
        {
            var verdicts = Read();
            var kept = verdicts.Where(v => v.Value.Accelerator == Accelerator.Kvm).ToDictionary();
            if (kept.Count < verdicts.Count) Write(kept);
        }
    }

    private void Write(Dictionary<string, VerdictEntry> verdicts) => AtomicFile.Write(
        path, JsonSerializer.SerializeToUtf8Bytes(new VerdictRecord(VerdictRecord.CurrentVersion, bootId, verdicts), RecordJson.Default.VerdictRecord));

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
