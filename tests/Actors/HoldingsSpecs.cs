using VmCacheCluster.Actors.Vms;

namespace VmCacheCluster.Tests.Actors;

public class HoldingsSpecs
{
    [Fact]
    public async Task Lets_go_of_what_an_operation_brings_when_all_is_over()
    {
        var (holdings, bringing, thing) = (new Holdings(), new TaskCompletionSource<Thing>(), new Thing());
        var keeping = holdings.KeepAsync(bringing.Task, t => t);

        await holdings.LetGoOfAllAsync();
        bringing.SetResult(thing);

        await Assert.ThrowsAsync<OperationCanceledException>(() => keeping);
        Assert.Equal(1, thing.Disposals);
    }

    [Fact]
    public async Task Lets_go_of_each_thing_once()
    {
        var (holdings, first, second) = (new Holdings(), new Thing(), new Thing());
        await holdings.KeepAsync(Task.FromResult(first), t => t);
        await holdings.KeepAsync(Task.FromResult(second), t => t);

        await holdings.LetGoAsync(first);
        await holdings.LetGoOfAllAsync();

        Assert.Equal((1, 1), (first.Disposals, second.Disposals));
    }

    private sealed class Thing : IAsyncDisposable
    {
        public int Disposals { get; private set; }

        public ValueTask DisposeAsync()
        {
            Disposals++;
            return ValueTask.CompletedTask;
        }
    }
}
