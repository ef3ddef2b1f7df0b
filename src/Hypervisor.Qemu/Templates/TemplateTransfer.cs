using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <param name="From">The node that sent the end of it.</param>
/// <param name="WireBytes">Those that came in vain counted in.</param>
internal sealed record Transferred(TemplateOffer Offer, string From, long WireBytes);

/// <summary>
/// Brings a template's image from other hosts into a draft. They are asked in turn; one that broke off is asked again, after the others, for as
/// long as it gets further each time.
/// </summary>
internal sealed class TemplateTransfer(TemplateDigest digest, long memoryLength, DateTimeOffset notBefore, string draft, TimeProvider time)
{
    /// <summary>A peer from which nothing came for so long is left.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly TemplateProgress _progress = new();
    private readonly List<string> _told = [];

    /// <exception cref="VmFailedException">Nobody gave it; says of each why.</exception>
    /// <exception cref="IOException">The draft cannot be written.</exception>
    /// <exception cref="OperationCanceledException"/>
    public async Task<Transferred> RunAsync(IReadOnlyList<ITemplatePeer> peers, CancellationToken cancel)
    {
        var asked = new Queue<ITemplatePeer>(peers);
        while (asked.TryDequeue(out var peer))
        {
            var before = _progress.Position;
            try
            {
                return await FromAsync(peer, cancel).ConfigureAwait(false);
            }
            catch (TemplatePeerException fault)
            {
                _told.Add($"{peer.Node}: {fault.Message}");
                if (_progress.Position > before) asked.Enqueue(peer);
            }
        }

        throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"no node gives it ({string.Join("; ", _told)})"));
    }

    private async Task<Transferred> FromAsync(ITemplatePeer peer, CancellationToken cancel)
    {
        using var silence = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, cancel);
        try
        {
            var offer = await peer.DescribeAsync(digest, either.Token).ConfigureAwait(false);
            if (offer.WhyNot(memoryLength, notBefore) is { } reason) throw new TemplatePeerException(reason);
            using var files = new TemplateDraft(draft, offer, anew: !_progress.Continue(offer));
            await foreach (var piece in peer.ReadAsync(digest, offer, _progress.Position, either.Token).ConfigureAwait(false))
            {
                if (_progress.Take(piece) is { } wrong) throw new TemplatePeerException(wrong);
                files.Write(piece);
                silence.CancelAfter(Patience);
            }

            return _progress.Complete ? new Transferred(offer, peer.Node, _progress.WireBytes)
                : throw new TemplatePeerException($"it ended at {_progress.Position} of {offer.Length} bytes");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TemplatePeerException($"nothing came for {Patience.TotalSeconds:0} s");
        }
    }
}
