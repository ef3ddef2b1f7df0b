using VmCacheCluster.Agent;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>The path of a file that a host may ask for.</summary>
/// <param name="Text">Absolute, of plain parts.</param>
/// <param name="Directories">The directories above it, outermost first, without the root.</param>
internal sealed record GuestPath(string Text, IReadOnlyList<string> Directories)
{
    /// <param name="item">What the path belongs to, for the message.</param>
    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT: no file may be there.</exception>
    public static GuestPath Parse(string text, string item)
        => PreparePath.Fault(text) is { } why
            ? throw Faults.Invalid($"{item}: the path {Faults.Quote(text)} {why}")
            : new GuestPath(text, PreparePath.DirectoriesAbove(text));
}
