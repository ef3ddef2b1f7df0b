using System.Security.Cryptography;
using System.Text;

namespace VmCacheCluster.Domain;

/// <summary>What a pool can promise, said before anything is done.</summary>
public static class LeaseRules
{
    /// <summary>Of Linux on x86-64, in MiB: a guest's memory block is this, or a multiple.</summary>
    private const int LeastMemoryBlock = 128;

    /// <summary>Why a wish can never come true in this pool, and what can; null when it can.</summary>
    public static string? Fault(LeaseWish wish, PoolOptions pool)
    {
        var spec = pool.Spec;
        if (wish.MinCpus < 0 || wish.MinMemoryMiB < 0) return "vCPUs and memory cannot be negative";
        if (wish.MinCpus > spec.MaxCpus) return $"{wish.MinCpus} vCPUs are more than the {spec.MaxCpus} that its VMs can have (max-cpus)";
        if (wish.MinMemoryMiB > spec.MemoryMiB && spec.MemorySlots == 0)
            return $"{wish.MinMemoryMiB} MiB of memory are more than the {spec.MemoryMiB} MiB of its VMs, and no memory can be plugged into them (memory-slots is 0)";
        if (wish.MinMemoryMiB > spec.MaxMemoryMiB)
            return $"{wish.MinMemoryMiB} MiB of memory are more than the {spec.MaxMemoryMiB} MiB that its VMs can have (max-memory)";
        if (WholeBlocks(wish.MinMemoryMiB, spec.MemoryMiB) is var whole && whole > spec.MaxMemoryMiB)
            return $"{wish.MinMemoryMiB} MiB of memory would be {whole} MiB, since memory is plugged in blocks of {LeastMemoryBlock} MiB, and its VMs can have {spec.MaxMemoryMiB} MiB (max-memory)";
        if (wish.MinMemoryMiB > spec.MemoryMiB && MemoryGrowth.Most(spec.MemoryMiB, spec.MemorySlots, LeastMemoryBlock) is var most && whole > most)
            return $"{wish.MinMemoryMiB} MiB of memory are more than the {most} MiB that a guest started with {spec.MemoryMiB} MiB takes in {spec.MemorySlots} steps "
                + "(memory-slots): ask for less, or take a pool whose VMs start with more memory";
        return wish.Ttl is { } ttl ? FaultOfTtl(ttl, pool.Lease) : null;
    }

    /// <summary>Why a lease cannot live so long; null when it can.</summary>
    public static string? FaultOfTtl(TimeSpan ttl, LeaseLimits limits)
        => ttl > limits.Most ? $"a TTL of {Text(ttl)} is more than the {Text(limits.Most)} that it allows (max-lease-ttl)"
            : ttl < LeaseLimits.Least ? $"a TTL of {Text(ttl)} is less than {Text(LeaseLimits.Least)}"
            : null;

    /// <summary>Why whoever shows this token cannot release a VM; null when it can. A VM without a lease has none: whoever shows one means another VM.</summary>
    /// <param name="shown">Null: none is shown.</param>
    public static string? FaultOfRelease(VmId vm, LeaseRecord? lease, LeaseToken? shown)
        => lease is null && shown is not null ? $"VM {vm} has no lease, and so no token: it is released without one"
            : lease is null || shown == lease.Token ? null
            : shown is null ? $"VM {vm} is leased, and only the bearer of its lease's token can release it: show the token"
            : $"the token shown is not that of the lease of VM {vm}";

    /// <summary>Why the holder of a VM cannot connect to one of its sockets; null when it can.</summary>
    public static string? FaultOfConnect(VmId vm, LeaseRecord lease, VmSocket to)
        => to == VmSocket.Agent && !lease.ClientHoldsAgent
            ? $"the agent's channel of VM {vm} takes one client, which is the daemon: run programs by Exec, or acquire a VM with client_holds_agent"
            : null;

    /// <summary>Of everything that is asked for but the key: equal wishes have equal ones. SHA-256, in hexadecimal.</summary>
    public static string Digest(LeaseWish wish)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add($"{wish.MinCpus}/{wish.MinMemoryMiB}/{wish.Sandbox?.Value}/{wish.Ttl?.Ticks}/{wish.Warm}/{wish.ClientHoldsAgent}/{wish.Binding.Hostname}");
        AddAll("labels", wish.Labels);
        AddAll("environment", wish.Binding.Environment);
        foreach (var file in wish.Binding.Files)
        {
            Add($"file/{file.Mode}/{file.Path}");
            hash.AppendData(BitConverter.GetBytes(file.Content.Length));
            hash.AppendData(file.Content.Span);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void AddAll(string what, IReadOnlyDictionary<string, string> values)
        {
            Add($"{what}/{values.Count}");
            foreach (var (key, value) in values.OrderBy(v => v.Key, StringComparer.Ordinal))
            {
                Add(key);
                Add(value);
            }
        }

        void Add(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
    }

    /// <summary>What a VM has at least when it has been grown to its wish, in MiB.</summary>
    private static long WholeBlocks(int wanted, int has)
        => wanted <= has ? has : has + (wanted - (long)has + LeastMemoryBlock - 1) / LeastMemoryBlock * LeastMemoryBlock;

    private static string Text(TimeSpan time) => $"{time.TotalSeconds:0.###} s";
}
