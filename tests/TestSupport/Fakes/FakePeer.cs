using System.Runtime.CompilerServices;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

/// <summary>A node whose templates come without a network.</summary>
public sealed class FakePeer(string node, ITemplateLender lender) : ITemplatePeer
{
    public string Node => node;

    /// <summary>What it says of what it has.</summary>
    public Func<TemplateOffer, TemplateOffer> Offering { get; set; } = offer => offer;

    /// <summary>What comes of a piece, the so-manieth of this peer; throws to break off.</summary>
    public Func<int, TemplatePiece, TemplatePiece> Sending { get; set; } = (_, piece) => piece;

    /// <summary>Before each piece.</summary>
    public Func<CancellationToken, Task> Holding { get; set; } = _ => Task.CompletedTask;

    /// <summary>Where it was asked to begin, each time.</summary>
    public List<long> Begun { get; } = [];

    /// <summary>How many pieces it sent.</summary>
    public int Sent { get; private set; }

    public Task<TemplateOffer> DescribeAsync(TemplateDigest digest, CancellationToken cancel)
        => Task.FromResult(Offering(lender.Offer(digest) ?? throw new TemplatePeerException("there is no such template here")));

    public async IAsyncEnumerable<TemplatePiece> ReadAsync(
        TemplateDigest digest, TemplateOffer offer, long from, [EnumeratorCancellation] CancellationToken cancel)
    {
        Begun.Add(from);
        foreach (var piece in lender.Read(digest, lender.Offer(digest)!, from)!)
        {
            await Holding(cancel);
            var sent = Sending(Sent, piece);
            Sent++;
            yield return sent with { WireBytes = sent.Content.Length };
        }
    }
}

/// <summary>The nodes that have every template.</summary>
public sealed class FakePeers(params ITemplatePeer[] peers) : ITemplatePeers
{
    public Task<IReadOnlyList<ITemplatePeer>> FindAsync(TemplateDigest digest, CancellationToken cancel) => Task.FromResult<IReadOnlyList<ITemplatePeer>>(peers);
}
