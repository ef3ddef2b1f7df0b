using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

public sealed class MemoryReturnSpecs
{
    private const long MiB = 1 << 20;

    [Fact]
    public void Is_due_when_a_flood_is_over_and_then_no_more()
    {
        var due = new MemoryReturn();

        Assert.False(due.IsDue(300 * MiB), "while it goes on");
        Assert.False(due.IsDue(700 * MiB), "while it goes on");
        Assert.True(due.IsDue(701 * MiB), "at the first quiet look");
        Assert.False(due.IsDue(702 * MiB), "it was done");
    }

    [Fact]
    public void Is_not_due_for_what_a_quiet_daemon_allocates_until_that_has_become_much()
    {
        var due = new MemoryReturn();

        var looks = Enumerable.Range(1, 64).Select(i => due.IsDue(i * MiB)).ToList();

        Assert.Equal(63, looks.IndexOf(true));
    }

    [Fact]
    public void Is_due_once_for_each_flood()
    {
        var due = new MemoryReturn();

        long[] allocated = [100 * MiB, 100 * MiB, 100 * MiB, 300 * MiB, 300 * MiB, 310 * MiB, 311 * MiB];

        Assert.Equal([false, true, false, false, true, false, false], allocated.Select(due.IsDue));
    }
}
