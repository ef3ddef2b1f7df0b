using CsCheck;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class StateTextSpecs
{
    private static readonly VmMark Mark = new(
        VmOwnership.Reserved, HandOutPath.Kata, Served.OnDemand, new HostTime(Guid.Parse("11111111-2222-3333-4444-555555555555"), TimeSpan.FromSeconds(12)));

    /// <summary>Since a boot of the host.</summary>
    private static readonly Gen<long> Times = Gen.Long[0, TimeSpan.FromDays(400 * 366).Ticks];

    [Fact]
    public void Reads_back_every_mark_in_a_fixed_size() =>
        Gen.Select(
            Any<VmOwnership>(), Any<HandOutPath>(),
            Any<Served>(), Gen.Guid, Times,
            Times.Nullable(), Times,
            (ownership, path, served, boot, ticks, expires, cpu) => new VmMark(
                ownership, path, served, new HostTime(boot, new TimeSpan(ticks)), expires is { } end ? new HostTime(boot, new TimeSpan(end)) : null, new TimeSpan(cpu)))
        .Sample(mark =>
        {
            var bytes = Format(mark);
            Assert.Equal(StateText.Bytes, bytes.Length);
            Assert.Equal((mark, null), StateText.Parse(bytes));
        });

    [Fact]
    public void Notices_any_changed_byte_of_the_record()
    {
        var good = Format(Mark);
        var end = good.AsSpan().TrimEnd(" \n"u8).Length;
        for (var at = 0; at < end; at++)
        {
            var bad = good.ToArray();
            bad[at] ^= 1;
            var (mark, problem) = StateText.Parse(bad);
            Assert.Null(mark);
            Assert.NotNull(problem);
        }
    }

    [Fact]
    public void Notices_every_truncation()
    {
        var good = Format(Mark);
        for (var length = 0; length < good.Length; length++) Assert.NotNull(StateText.Parse(good.AsSpan(0, length)).Problem);
    }

    [Fact]
    public void Says_which_version_it_cannot_read()
    {
        var newer = System.Text.Encoding.ASCII.GetBytes("vmcache-state 3 whatever comes later\n");

        Assert.Equal("it is of version 3, and this daemon reads versions 1 and 2", StateText.Parse(newer).Problem);
    }

    [Fact]
    public void Reads_what_a_daemon_of_version_1_wrote()
    {
        const string text = "vmcache-state 1 reserved kata ondemand 11111111-2222-3333-4444-555555555555 120000000 f83fd439";
        var written = System.Text.Encoding.ASCII.GetBytes(text.PadRight(159) + "\n");

        Assert.Equal((Mark, null), StateText.Parse(written));
        Assert.NotNull(StateText.Parse([.. written, (byte)'\n']).Problem);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    [InlineData(-1)]
    public void Reads_no_time_that_cannot_be_reckoned_with(long ticks)
    {
        Assert.NotNull(StateText.Parse(Format(Mark with { Since = Mark.Since with { SinceBoot = new TimeSpan(ticks) } })).Problem);
        Assert.NotNull(StateText.Parse(Format(Mark with { Expires = Mark.Since with { SinceBoot = new TimeSpan(ticks) } })).Problem);
        Assert.NotNull(StateText.Parse(Format(Mark with { GuestCpu = new TimeSpan(ticks) })).Problem);
    }

    [Fact]
    public void Takes_no_expiry_of_another_boot() => Assert.Throws<ArgumentException>(
        () => Format(Mark with { Expires = new HostTime(Guid.NewGuid(), TimeSpan.Zero) }));

    [Fact]
    public void Survives_any_bytes() => Gen.Byte.Array[0, 200].Sample(bytes => StateText.Parse(bytes).Mark is null);

    private static Gen<T> Any<T>() where T : struct, Enum => Gen.Int[0, Enum.GetValues<T>().Length - 1].Select(i => Enum.GetValues<T>()[i]);

    private static byte[] Format(VmMark mark)
    {
        var line = new byte[StateText.Bytes];
        StateText.Format(mark, line);
        return line;
    }
}
