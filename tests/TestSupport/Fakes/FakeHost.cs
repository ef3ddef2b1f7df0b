using System.Collections.Concurrent;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

public sealed class FakeClock : IHostClock
{
    public static readonly Guid Boot = Guid.NewGuid();

    public HostTime Now { get; set; } = new(Boot, TimeSpan.FromHours(1));
}

public sealed class FakeProof : IAcceleratorProof
{
    public AcceleratorVerdict? Known { get; set; }

    public TaskCompletionSource<AcceleratorVerdict> Proof { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AcceleratorVerdict? Remembered(VmSpec spec) => Known;

    /// <summary>The proof that was begun last.</summary>
    public Task<AcceleratorVerdict>? Proving { get; private set; }

    /// <summary>What the next proofs say, in order; none is left: <see cref="Proof"/>.</summary>
    public ConcurrentQueue<AcceleratorVerdict> Next { get; } = new();

    /// <summary>Decides instead of <see cref="Next"/> and <see cref="Proof"/>; null: nothing does.</summary>
    public Func<VmSpec, CancellationToken, Task<AcceleratorVerdict>>? Script { get; set; }

    /// <summary>Within what each was to be done, in order.</summary>
    public ConcurrentQueue<ProofLimits> Limits { get; } = new();

    /// <summary>Why refusals cannot be forgotten; null: they can.</summary>
    public string? Kept { get; set; }

    /// <summary>How many were begun.</summary>
    public int Proofs { get; private set; }

    public Task<AcceleratorVerdict> ProveAsync(VmSpec spec, ProofLimits limits, CancellationToken cancel)
    {
        Proofs++;
        Limits.Enqueue(limits);
        return Proving = Script is not null ? Script(spec, cancel)
            : Next.TryDequeue(out var verdict) ? Task.FromResult(verdict) : Proof.Task.WaitAsync(cancel);
    }

    public void ForgetRefusals()
    {
        if (Kept is not null) throw new IOException(Kept);
        if (Known?.Accelerator == Accelerator.Tcg) Known = null;
    }
}

/// <summary>A host with as much memory as a test says.</summary>
public sealed class FakeMemory : IHostMemory
{
    public HostMemory? Now { get; set; }

    public HostMemory? Read() => Now;
}
