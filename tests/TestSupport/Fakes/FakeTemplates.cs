using System.Collections.Concurrent;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

/// <summary>Templates in memory, one at a time, whose clones are fake VMs. A test says what finding, making and cloning do.</summary>
public sealed class FakeTemplates(FakeHypervisor host) : ITemplates
{
    private int _made, _swept;

    /// <summary>What is stored.</summary>
    public Template? Stored { get; set; }

    public Func<VmSpec, Task> Finding { get; set; } = _ => Task.CompletedTask;

    /// <summary>Throw to fail it, await to hold it.</summary>
    public Func<VmSpec, CancellationToken, Task> Making { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>What another host gives; null: nobody has it.</summary>
    public Func<VmSpec, CancellationToken, Task<TakenTemplate?>> Taking { get; set; } = (_, _) => Task.FromResult<TakenTemplate?>(null);

    /// <summary>What each was asked for: not before when it may have been made.</summary>
    public ConcurrentQueue<DateTimeOffset> Asked { get; } = new();

    public Func<Template, Task> Cloning { get; set; } = _ => Task.CompletedTask;

    public int Made => Volatile.Read(ref _made);

    public int Swept => Volatile.Read(ref _swept);

    /// <summary>What each VM was cloned from.</summary>
    public ConcurrentDictionary<VmId, Template> Clones { get; } = new();

    public static Template Some(string digit = "a", TimeSpan? age = null) =>
        new(new TemplateDigest(new string(digit[0], 64)), DateTimeOffset.UtcNow - (age ?? TimeSpan.Zero), 64 * 1024 * 1024);

    public async Task<Template?> FindAsync(VmSpec spec, CancellationToken cancel)
    {
        await Finding(spec);
        return Stored;
    }

    public async Task<Template> MakeAsync(VmSpec spec, TimeSpan limit, CancellationToken cancel)
    {
        Interlocked.Increment(ref _made);
        await Making(spec, cancel);
        return Stored = Some("b");
    }

    public async Task<TakenTemplate?> TakeAsync(
        VmSpec spec, ITemplatePeers peers, DateTimeOffset notBefore, TimeSpan limit, CancellationToken cancel)
    {
        Asked.Enqueue(notBefore);
        var taken = await Taking(spec, cancel);
        if (taken is not null) Stored = taken.Template;
        return taken;
    }

    public async Task<IVm> CloneAsync(VmId id, VmSpec spec, Template template, VmPriority priority, CancellationToken cancel)
    {
        await Cloning(template);
        Clones[id] = template;
        return host.AddClone(id, spec, priority);
    }

    public Task SweepAsync(TemplateLimits limits, CancellationToken cancel)
    {
        Interlocked.Increment(ref _swept);
        return Task.CompletedTask;
    }
}
