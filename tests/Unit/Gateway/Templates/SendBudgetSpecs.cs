using VmCacheCluster.Gateway.Templates;
using VmCacheCluster.Tests.Unit.Client;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Templates;

public sealed class SendBudgetSpecs
{
    [Fact]
    public async Task Keeps_all_transfers_together_to_its_rate()
    {
        var time = new StepTime();
        var budget = new SendBudget(1000, time);

        await budget.SpendAsync(500, CancellationToken.None);
        var second = budget.SpendAsync(500, CancellationToken.None);
        Assert.Equal(TimeSpan.FromSeconds(0.5), await time.NextDelayAsync());
        Assert.False(second.IsCompleted);
        time.Fire();
        await second;

        time.Pass(TimeSpan.FromSeconds(1));
        await budget.SpendAsync(500, CancellationToken.None);
    }

    [Fact]
    public void Sends_to_a_few_at_once()
    {
        var budget = new SendBudget(null, TimeProvider.System);
        var sending = Enumerable.Range(0, SendBudget.MostAtOnce).Select(_ => budget.TryBegin()).ToList();

        Assert.DoesNotContain(null, sending);
        Assert.Null(budget.TryBegin());
        sending[0]!.Dispose();
        sending[0]!.Dispose();
        Assert.NotNull(budget.TryBegin());
        Assert.Null(budget.TryBegin());
    }
}
