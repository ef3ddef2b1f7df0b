using CsCheck;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

/// <summary>Whom to ask for a template, what of an answer belongs to it, and how fast it is sent.</summary>
public sealed class TemplateTravelSpecs
{
    private const int Page = 4096;
    private static readonly TemplateDigest Digest = new("00000000000000ff" + new string('0', 48));
    private static readonly DateTimeOffset Day = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TemplateOffer Offer = new(Day, 64 * Page, 2 * Page, "m", 1000, "s");

    [Fact]
    public void Asks_a_few_of_those_who_say_that_they_have_it_each_as_often_as_any()
    {
        var hosts = Enumerable.Range(0, 1000).Select(i => Host($"n{i}", i % 2 == 0 ? [7, 255] : [7])).ToList();
        var random = new Random(1);

        var asked = Enumerable.Range(0, 200).Select(_ => TemplateHolders.Choose(hosts, Digest, random.NextDouble)).ToList();

        Assert.All(asked, a => Assert.Equal(TemplateHolders.Most, a.Count));
        Assert.All(asked.SelectMany(a => a), h => Assert.Contains(255ul, h.Templates));
        Assert.True(asked.SelectMany(a => a).Select(h => h.Node).Distinct().Count() > 250);
        Assert.Empty(TemplateHolders.Choose(hosts.Where((_, i) => i % 2 == 1), Digest, random.NextDouble));
    }

    [Fact]
    public void Takes_no_template_of_another_size_nor_an_old_one()
    {
        Assert.Null(Offer.WhyNot(64 * Page, Day));
        Assert.Equal("its memory has 262144 bytes and not 262145", Offer.WhyNot((64 * Page) + 1, Day));
        Assert.Equal("it says that 262145 of 262144 bytes of its memory are used", (Offer with { MemoryBytes = (64 * Page) + 1 }).WhyNot(64 * Page, Day));
        Assert.Equal("its device state has 67108865 bytes", (Offer with { StateLength = TemplateOffer.MostState + 1 }).WhyNot(64 * Page, Day));
        Assert.Equal("its device state has 0 bytes", (Offer with { StateLength = 0 }).WhyNot(64 * Page, Day));
        Assert.Equal("it is of 2030-01-01 00:00:00Z, which is too old", Offer.WhyNot(64 * Page, Day.AddSeconds(1)));
    }

    [Fact]
    public void Goes_on_where_it_was_with_the_same_template_and_begins_anew_with_another()
    {
        var progress = new TemplateProgress();
        Assert.False(progress.Continue(Offer));
        Assert.Null(progress.Take(Piece(1000, new Extent(0, 1000))));
        Assert.Null(progress.Take(Piece(1000 + (5 * Page), new Extent(1000 + (4 * Page), Page))));

        Assert.True(progress.Continue(Offer with { MadeAt = Day.AddDays(1) }));
        Assert.Equal(1000 + (5 * Page), progress.Position);
        Assert.False(progress.Continue(Offer with { MemoryDigest = "other" }));
        Assert.Equal(0, progress.Position);
        Assert.False(progress.Complete);
        Assert.Null(progress.Take(Piece(Offer.Length)));
        Assert.True(progress.Complete);
    }

    public static TheoryData<TemplatePiece> Wrong =>
    [
        Piece(Offer.Length + 1),
        Piece(0),
        Piece(900),
        Piece(Offer.Length, new Extent(900, 50)),
        Piece(Offer.Length, new Extent(950, 100)),
        Piece(Offer.Length, new Extent(Offer.Length - 10, 11)),
        Piece(Offer.Length, new Extent(-1, 10)),
        Piece(Offer.Length, new Extent(2000, 10), new Extent(1995, 10)),
        Piece(2000, new Extent(2000, 10)),
        Piece(Offer.Length, new Extent(2000, 0)),
        Piece(Offer.Length, new Extent(2000, -5), new Extent(2000, 5)),
        Piece(Offer.Length, new Extent(long.MaxValue, 5)),
        Piece(Offer.Length, new Extent(2000, int.MaxValue)),
        new([new Extent(2000, 10)], new byte[11], Offer.Length),
        new([], new byte[TemplatePiece.Most + 1], Offer.Length),
    ];

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Writes_nothing_that_does_not_belong_there(TemplatePiece piece)
    {
        var progress = new TemplateProgress();
        progress.Continue(Offer);
        Assert.Null(progress.Take(Piece(950, new Extent(0, 950))));

        Assert.NotNull(progress.Take(piece));
        Assert.Equal(950, progress.Position);
    }

    /// <summary>Whatever comes, what is written lies within the files, and nothing is written twice.</summary>
    [Fact]
    public void Writes_within_the_image_whatever_comes() =>
        Gen.Select(Gen.Long[-10, 2 * Page], Gen.Int[-10, Page], Gen.Long[-10, 4 * Page]).Array[1, 20].Sample(pieces =>
        {
            var (progress, end) = (new TemplateProgress(), 0L);
            var offer = Offer with { MemoryLength = Page };
            progress.Continue(offer);
            foreach (var (offset, length, next) in pieces)
            {
                if (progress.Take(new TemplatePiece([new Extent(offset, length)], new byte[Math.Max(0, length)], next)) is not null) continue;
                Assert.True(offset >= end && length > 0 && offset + length <= offer.Length);
                Assert.True(offset >= offer.StateLength || offset + length <= offer.StateLength);
                end = offset + length;
                Assert.True(progress.Position >= end && progress.Position <= offer.Length);
            }
        });

    [Fact]
    public void Keeps_those_who_send_to_one_rate_together()
    {
        var rate = new SendRate(1000);

        Assert.Equal(TimeSpan.Zero, rate.Spend(500, TimeSpan.FromSeconds(10)));
        Assert.Equal(TimeSpan.FromSeconds(0.5), rate.Spend(2000, TimeSpan.FromSeconds(10)));
        Assert.Equal(TimeSpan.FromSeconds(1.5), rate.Spend(1, TimeSpan.FromSeconds(11)));
        Assert.Equal(TimeSpan.Zero, rate.Spend(1, TimeSpan.FromSeconds(100)));
        var any = new SendRate(null);
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (any.Spend(1L << 40, TimeSpan.Zero), any.Spend(1, TimeSpan.Zero)));
    }

    private static TemplatePiece Piece(long next, params Extent[] extents) => new(extents, new byte[Math.Max(0, Math.Min(Page, extents.Sum(e => (long)e.Length)))], next);

    private static HostCapacity Host(string name, ulong[] templates)
        => new(new NodeName(name), default, null, "1", HostState.Up, 0, new Dictionary<string, string>(), [], 1) { Templates = templates };
}
