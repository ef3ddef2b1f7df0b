using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>A template as it travels: its device state, and behind it its memory without holes and pages of zeros.</summary>
internal sealed class TemplateImage(SafeFileHandle state, SafeFileHandle memory)
{
    private readonly byte[] _content = new byte[TemplatePiece.Most];
    private readonly List<Extent> _extents = [];
    private int _filled;

    /// <param name="from">In the image.</param>
    /// <remarks>The files are closed at the end.</remarks>
    /// <exception cref="IOException">Reading failed.</exception>
    public IEnumerable<TemplatePiece> Pieces(long from)
    {
        using var both = state;
        using var _ = memory;
        var stateLength = RandomAccess.GetLength(state);
        var length = stateLength + RandomAccess.GetLength(memory);
        for (var at = from; at < stateLength;)
        {
            var read = RandomAccess.Read(state, _content.AsSpan(0, (int)Math.Min(_content.Length, stateLength - at)), at);
            if (read == 0) throw new IOException("the device state of a template is shorter than it was");
            _extents.Add(new Extent(at, read));
            _filled = read;
            at += read;
            yield return Piece(at);
        }

        foreach (var run in MemoryRuns.Of(memory, Math.Max(0, from - stateLength)))
        {
            if (run.IsZero) continue;
            if (_filled + run.Content.Length > _content.Length) yield return Piece(_extents[^1].End);
            run.Content.CopyTo(_content.AsMemory(_filled));
            _filled += run.Content.Length;
            var begin = stateLength + run.Offset;
            if (_extents.Count > 0 && _extents[^1].End == begin) _extents[^1] = _extents[^1] with { Length = _extents[^1].Length + run.Content.Length };
            else _extents.Add(new Extent(begin, run.Content.Length));
        }

        // The end is told even where nothing but holes is before it.
        if (from < length) yield return Piece(length);
    }

    private TemplatePiece Piece(long next)
    {
        var piece = new TemplatePiece([.. _extents], _content.AsMemory(0, _filled), next);
        _extents.Clear();
        _filled = 0;
        return piece;
    }
}
