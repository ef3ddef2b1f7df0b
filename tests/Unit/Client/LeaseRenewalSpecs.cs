using System.Collections.Concurrent;
using System.Threading.Channels;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Client;

public sealed class LeaseRenewalSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly StepTime _time = new();
    private readonly Channel<TaskCompletionSource<Lease>> _asked = Channel.CreateUnbounded<TaskCompletionSource<Lease>>();

    private readonly ConcurrentQueue<TimeSpan?> _wishes = [];

    [Fact]
    public async Task Renews_at_a_third_of_the_ttl_again_and_again()
    {
        await using var renewal = Start(Ttl(30));

        await StepAsync(TimeSpan.FromSeconds(10));
        (await AskedAsync()).SetResult(Ttl(60));
        await StepAsync(TimeSpan.FromSeconds(20));
        (await AskedAsync()).SetResult(Ttl(60));

        await Eventually.Async(() => renewal.Lease.Ttl.Seconds == 60, "the lease is the renewed one");
        Assert.False(renewal.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Confirms_within_the_grace_period_when_that_is_shorter()
    {
        var lease = Ttl(300);
        lease.ConfirmBefore = Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch);
        lease.GracePeriod = Duration.FromTimeSpan(TimeSpan.FromSeconds(30));
        await using var renewal = Start(lease);

        Assert.Equal(TimeSpan.FromSeconds(10), await _time.NextDelayAsync());
    }

    [Fact]
    public async Task Tries_again_after_a_failure_and_goes_on()
    {
        await using var renewal = Start(Ttl(30));
        await StepAsync(TimeSpan.FromSeconds(10));
        (await AskedAsync()).SetException(Fault(StatusCode.Unavailable));

        await StepAsync(TimeSpan.FromSeconds(1));
        (await AskedAsync()).SetResult(Ttl(30));

        Assert.Equal(TimeSpan.FromSeconds(10), await _time.NextDelayAsync());
        Assert.False(renewal.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Loses_the_lease_when_it_could_not_be_renewed_before_it_expired()
    {
        await using var renewal = Start(Ttl(30));
        await StepAsync(TimeSpan.FromSeconds(10));
        var call = await AskedAsync();
        _time.Pass(TimeSpan.FromSeconds(21));
        call.SetException(Fault(StatusCode.Unavailable));

        await LostAsync(renewal);
        Assert.Equal(Reasons.LeaseExpired, renewal.LostBecause!.Reason);
    }

    [Theory]
    [InlineData(StatusCode.NotFound)]
    [InlineData(StatusCode.FailedPrecondition)]
    public async Task Loses_the_lease_at_once_when_it_is_refused(StatusCode code)
    {
        await using var renewal = Start(Ttl(30));
        await StepAsync(TimeSpan.FromSeconds(10));

        (await AskedAsync()).SetException(Fault(code));

        await LostAsync(renewal);
        Assert.Equal(code, renewal.LostBecause!.Code);
    }

    [Fact]
    public async Task Counts_the_ttl_from_when_the_renewal_was_sent()
    {
        await using var renewal = Start(Ttl(30));
        await StepAsync(TimeSpan.FromSeconds(10));
        var call = await AskedAsync();
        _time.Pass(TimeSpan.FromSeconds(15));
        call.SetResult(Ttl(30));

        // 15 s of the 30 are over when the answer comes: 10 s and 6 s later it has ended.
        await StepAsync(TimeSpan.FromSeconds(10));
        call = await AskedAsync();
        _time.Pass(TimeSpan.FromSeconds(6));
        call.SetException(Fault(StatusCode.Unavailable));

        await LostAsync(renewal);
    }

    [Fact]
    public async Task Ends_in_the_middle_of_a_call()
    {
        var renewal = Start(Ttl(30));
        await StepAsync(TimeSpan.FromSeconds(10));
        await AskedAsync();

        await renewal.DisposeAsync().AsTask().WaitAsync(Patience);

        Assert.False(renewal.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Goes_on_from_a_renewal_of_the_holders_and_with_its_ttl()
    {
        await using var renewal = Start(Ttl(30));
        Assert.Equal(TimeSpan.FromSeconds(10), await _time.NextDelayAsync());
        _time.Pass(TimeSpan.FromSeconds(5));
        var own = renewal.RenewAsync(TimeSpan.FromSeconds(60), CancellationToken.None);
        (await AskedAsync()).SetResult(Ttl(60));
        await own.WaitAsync(Patience);
        Assert.Equal(60, renewal.Lease.Ttl.Seconds);

        // By now the first lease would have ended; the second one has not.
        Assert.Equal(TimeSpan.FromSeconds(20), await _time.NextDelayAsync());
        _time.Pass(TimeSpan.FromSeconds(59));
        _time.Fire();
        (await AskedAsync()).SetResult(Ttl(60));

        Assert.Equal(TimeSpan.FromSeconds(20), await _time.NextDelayAsync());
        Assert.Equal([TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(60)], _wishes.Select(w => w!.Value));
        Assert.False(renewal.Lost.IsCancellationRequested);
    }

    [Theory]
    [InlineData(StatusCode.NotFound, true)]
    [InlineData(StatusCode.FailedPrecondition, true)]
    [InlineData(StatusCode.InvalidArgument, false)]
    [InlineData(StatusCode.Unavailable, false)]
    public async Task Loses_the_lease_when_the_holder_is_told_that_it_has_ended(StatusCode code, bool lost)
    {
        await using var renewal = Start(Ttl(30));
        var own = renewal.RenewAsync(null, CancellationToken.None);

        (await AskedAsync()).SetException(Fault(code));

        Assert.Equal(code, (await Assert.ThrowsAsync<VmCacheException>(() => own)).Code);
        Assert.Equal(lost, renewal.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Refuses_the_holder_once_the_lease_has_ended()
    {
        await using var renewal = Start(Ttl(30));
        _time.Pass(TimeSpan.FromSeconds(30));

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => renewal.RenewAsync(null, CancellationToken.None));

        Assert.Equal(Reasons.LeaseExpired, fault.Reason);
        Assert.True(renewal.Lost.IsCancellationRequested);
        Assert.Empty(_wishes);
    }

    [Fact]
    public async Task Loses_the_lease_when_a_renewal_fails_as_nobody_foresaw()
    {
        await using var renewal = Start(Ttl(30));
        await StepAsync(TimeSpan.FromSeconds(10));

        (await AskedAsync()).SetException(new InvalidOperationException("odd"));

        await LostAsync(renewal);
        Assert.Contains("odd", renewal.LostBecause!.Message);
    }

    [Fact]
    public async Task Loses_the_lease_when_the_answer_is_none()
    {
        await using var renewal = Start(Ttl(30));
        await StepAsync(TimeSpan.FromSeconds(10));

        (await AskedAsync()).SetResult(new Lease());

        await LostAsync(renewal);
        Assert.Equal(Reasons.BadAnswer, renewal.LostBecause!.Reason);
    }

    [Fact]
    public async Task Ends_in_silence_when_the_holder_fails_at_being_told()
    {
        var renewal = Start(Ttl(30));
        using var told = renewal.Lost.Register(() => throw new InvalidOperationException("the holder's own"));
        await StepAsync(TimeSpan.FromSeconds(10));
        (await AskedAsync()).SetException(Fault(StatusCode.NotFound));
        await LostAsync(renewal);

        await renewal.DisposeAsync().AsTask().WaitAsync(Patience);

        Assert.Equal(StatusCode.NotFound, renewal.LostBecause!.Code);
    }

    private LeaseRenewal Start(Lease lease) => new(lease, _time.GetTimestamp(), _time, async (ttl, _, cancel) =>
    {
        _wishes.Enqueue(ttl);
        var answer = new TaskCompletionSource<Lease>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _asked.Writer.WriteAsync(answer, cancel);
        return await answer.Task.WaitAsync(cancel);
    });

    /// <summary>Waits until somebody waits for that long, lets it pass.</summary>
    private async Task StepAsync(TimeSpan delay)
    {
        Assert.Equal(delay, await _time.NextDelayAsync());
        _time.Pass(delay);
        _time.Fire();
    }

    private async Task<TaskCompletionSource<Lease>> AskedAsync() => await _asked.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    private static Task LostAsync(LeaseRenewal renewal) => Eventually.Async(() => renewal.Lost.IsCancellationRequested, "the lease is lost");

    private static VmCacheException Fault(StatusCode code) => new(code, "TEST", "because");

    private static Lease Ttl(int seconds) => new()
    {
        Token = "t", Ttl = Duration.FromTimeSpan(TimeSpan.FromSeconds(seconds)), ExpiresAt = Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch),
    };
}
