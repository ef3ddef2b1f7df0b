using Grpc.Core;
using VmCacheCluster.Gateway.Services;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

/// <summary>What becomes of a message that is under way when its call is to end.</summary>
public sealed class CallOutputSpecs
{
    [Fact]
    public async Task Lets_a_message_through_that_is_under_way_when_the_call_is_to_end()
    {
        var (writer, ending) = (new Writer(), new CancellationTokenSource());
        using var output = new CallOutput<string>(writer);
        var writing = output.WriteAsync("last", ending.Token);

        await ending.CancelAsync();
        Assert.False(writing.IsCompleted);
        writer.Taken.SetResult();
        await writing;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => output.WriteAsync("more", ending.Token));
        Assert.Equal(["last"], writer.Messages);
    }

    [Fact]
    public async Task Is_not_held_up_by_a_caller_that_takes_nothing()
    {
        var (writer, ending) = (new Writer(), new CancellationTokenSource());
        using var output = new CallOutput<string>(writer);
        var writing = output.WriteAsync("last", ending.Token);

        await ending.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing.WaitAsync(Eventually.Patience));
    }

    private sealed class Writer : IAsyncStreamWriter<string>
    {
        public List<string> Messages { get; } = [];

        public TaskCompletionSource Taken { get; } = new();

        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(string message) => WriteAsync(message, CancellationToken.None);

        public Task WriteAsync(string message, CancellationToken cancel)
        {
            Messages.Add(message);
            return Taken.Task.WaitAsync(cancel);
        }
    }
}
