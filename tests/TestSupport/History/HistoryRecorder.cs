namespace VmCacheCluster.Tests.TestSupport.History;

/// <summary>Puts what happens on any thread into one order.</summary>
public sealed class HistoryRecorder
{
    private readonly Lock _gate = new();
    private readonly List<HistoryEvent> _events = [];

    public IReadOnlyList<HistoryEvent> Events
    {
        get { lock (_gate) return [.. _events]; }
    }

    public void Add(HistoryEvent happened)
    {
        lock (_gate) _events.Add(happened);
    }
}
