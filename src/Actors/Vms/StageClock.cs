using VmCacheCluster.Actors.Gateway;

namespace VmCacheCluster.Actors.Vms;

/// <summary>What was done and how long each part took.</summary>
internal sealed class StageClock(TimeProvider time)
{
    private readonly List<StageTime> _stages = [];

    public IReadOnlyList<StageTime> Timeline => _stages;

    public async Task RunAsync(string stage, Func<Task> work)
    {
        var from = time.GetTimestamp();
        await work().ConfigureAwait(false);
        _stages.Add(new StageTime(stage, time.GetElapsedTime(from)));
    }

    public async Task<T> RunAsync<T>(string stage, Func<Task<T>> work)
    {
        T result = default!;
        await RunAsync(stage, async () => { result = await work().ConfigureAwait(false); }).ConfigureAwait(false);
        return result;
    }
}
