using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>State and memory of a template while it comes from another host.</summary>
internal sealed class TemplateDraft : IDisposable
{
    private readonly SafeFileHandle _state;
    private readonly SafeFileHandle _memory;
    private readonly long _stateLength;

    /// <param name="anew">What is there already is dropped.</param>
    /// <exception cref="IOException">The files cannot be made.</exception>
    public TemplateDraft(string directory, TemplateOffer offer, bool anew)
    {
        _stateLength = offer.StateLength;
        _state = TemplateFiles.OpenDraft(TemplateFiles.State(directory), offer.StateLength, anew);
        _memory = TemplateFiles.OpenDraft(TemplateFiles.Memory(directory), offer.MemoryLength, anew);
    }

    /// <exception cref="IOException">There is no space.</exception>
    public void Write(TemplatePiece piece)
    {
        var content = piece.Content.Span;
        foreach (var extent in piece.Extents)
        {
            var (file, offset) = extent.Offset < _stateLength ? (_state, extent.Offset) : (_memory, extent.Offset - _stateLength);
            RandomAccess.Write(file, content[..extent.Length], offset);
            content = content[extent.Length..];
        }
    }

    public void Dispose()
    {
        _state.Dispose();
        _memory.Dispose();
    }
}
