using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Faults;

/// <summary>One call of a port.</summary>
/// <param name="Name">Such as "IVm.ResumeAsync"; a mark's has its ownership: "IVm.RecordAsync:Warm".</param>
/// <param name="Number">Of the calls of that name; the first is 1.</param>
public sealed record PortCall(string Name, int Number)
{
    public override string ToString() => $"{Name} #{Number}";
}

/// <summary>Counts the calls of a daemon's ports, and lets one of them fail, once.</summary>
/// <param name="failing">Null: none fails.</param>
/// <param name="afterwards">It fails when its effect is there already.</param>
/// <param name="error">Such as "No space left on device".</param>
public sealed class PortFaults(PortCall? failing, bool afterwards, string error)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _counts = [];
    private readonly List<PortCall> _calls = [];

    /// <summary>What the kernel says when it has no more of something, or a disk is broken: ENOSPC, EIO, EMFILE, ENOMEM.</summary>
    public static readonly IReadOnlyList<string> Errors =
        ["No space left on device", "Input/output error", "Too many open files", "Cannot allocate memory"];

    /// <summary>Told before each call that is about to have its effect.</summary>
    public Action<string, VmId?> Calling { get; init; } = static (_, _) => { };

    public bool HasFailed { get; private set; }

    /// <summary>Those so far, in their order.</summary>
    public IReadOnlyList<PortCall> Calls
    {
        get { lock (_gate) return [.. _calls]; }
    }

    /// <summary>A port whose every call is counted.</summary>
    public T Around<T>(T inner) where T : class => FaultyPort.Around(inner, this, null);

    internal async Task<T> RunAsync<T>(string name, VmId? vm, Func<Task<T>> call)
    {
        var fails = Count(name);
        if (fails && !afterwards) throw Failure(name);
        Calling(name, vm);
        var result = await call().ConfigureAwait(false);
        return fails ? throw Failure(name) : result;
    }

    private bool Count(string name)
    {
        lock (_gate)
        {
            var call = new PortCall(name, _counts[name] = _counts.GetValueOrDefault(name) + 1);
            _calls.Add(call);
            if (call != failing) return false;
            return HasFailed = true;
        }
    }

    /// <summary>As the adapters report it.</summary>
    private VmFailedException Failure(string name) => new(new VmFailure(VmFailureKind.Host, $"{name}: {error}", "try again"), new IOException(error));
}
