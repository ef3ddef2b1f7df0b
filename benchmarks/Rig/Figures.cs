using HdrHistogram;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>Durations, and how they are told.</summary>
public sealed class Figures(string name)
{
    private readonly LongHistogram _microseconds = new(60_000_000, 3);

    public string Name => name;

    public void Add(TimeSpan duration)
    {
        lock (_microseconds) _microseconds.RecordValue((long)duration.TotalMicroseconds);
    }

    public double Milliseconds(double percentile) => _microseconds.GetValueAtPercentile(percentile) / 1000.0;

    public override string ToString()
        => $"{name,-34} p50 {Milliseconds(50),9:0.000} ms   p90 {Milliseconds(90),9:0.000} ms   p99 {Milliseconds(99),9:0.000} ms   n {_microseconds.TotalCount}";
}
