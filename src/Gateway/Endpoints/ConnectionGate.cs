namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>Counts the open connections of one kind of callers, and lets no more in than their limit. Safe for use by many threads.</summary>
/// <param name="limit">At a time, at first.</param>
/// <param name="whose">For a person: "callers of this host".</param>
/// <param name="key">The configuration's key for it.</param>
public sealed class ConnectionGate(int limit, string whose, string key, TimeProvider time, ILogger log)
{
    /// <summary>Between two lines in the log.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private volatile int _limit = limit;
    private int _open;
    private long _refused;
    private long? _toldAt;

    /// <summary>Lowered it closes none that is open, and lets none in until so few are left.</summary>
    public int Limit
    {
        get => _limit;
        set => _limit = value;
    }

    public int Open
    {
        get { lock (_gate) return _open; }
    }

    /// <summary>Why one more connection is closed, for a person.</summary>
    public string Reason => $"{whose} have {_limit} connections open, which is the most: close idle ones, or raise {key} and the limit of open files (LimitNOFILE=)";

    /// <returns>False: there are as many as may be.</returns>
    public bool TryEnter()
    {
        long refused;
        lock (_gate)
        {
            if (_open < _limit)
            {
                _open++;
                return true;
            }

            _refused++;
            if (_toldAt is { } told && time.GetElapsedTime(told) < Quiet) return false;
            _toldAt = time.GetTimestamp();
            (refused, _refused) = (_refused, 0);
        }

        log.LogWarning("{Reason}. Closed at once: {Refused}", Reason, refused);
        return false;
    }

    public void Leave()
    {
        lock (_gate) _open--;
    }
}
