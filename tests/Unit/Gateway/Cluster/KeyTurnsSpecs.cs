using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

public class KeyTurnsSpecs
{
    private static readonly PoolKey One = new(PoolName.Default, "a"), Other = new(PoolName.Default, "b");

    [Fact]
    public async Task Serves_one_call_of_a_key_at_a_time_and_those_of_others_beside_it()
    {
        var turns = new KeyTurns(most: 10);
        var first = await turns.EnterAsync(One, default);
        var second = turns.EnterAsync(One, default);
        using var beside = await turns.EnterAsync(Other, default);
        Assert.False(second.IsCompleted);

        first.Dispose();
        (await second.WaitAsync(TimeSpan.FromSeconds(60))).Dispose();
        Assert.True(turns.EnterAsync(One, default).IsCompletedSuccessfully);
        Assert.False(turns.EnterAsync(Other, default).IsCompleted);
    }

    [Fact]
    public async Task Lets_a_caller_leave_who_waits()
    {
        var turns = new KeyTurns(most: 2);
        using var first = await turns.EnterAsync(One, default);
        using var leaving = new CancellationTokenSource();
        var second = turns.EnterAsync(One, leaving.Token);
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        (await turns.EnterAsync(Other, default)).Dispose();
    }

    [Fact]
    public async Task Refuses_callers_when_there_are_too_many()
    {
        var turns = new KeyTurns(most: 1);
        var first = await turns.EnterAsync(One, default);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => turns.EnterAsync(Other, default));
        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);

        first.Dispose();
        (await turns.EnterAsync(Other, default)).Dispose();
    }
}
