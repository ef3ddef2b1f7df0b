namespace VmCacheCluster.Cli.Output;

/// <summary>Colours, or none.</summary>
internal sealed class Style
{
    internal static readonly Style Plain = new(false);

    private readonly bool colours;

    private Style(bool colours) => this.colours = colours;

    /// <summary>Colours on a terminal that has them, unless NO_COLOR is set (no-color.org).</summary>
    internal static Style For(bool terminal, Func<string, string?> environment) =>
        terminal && string.IsNullOrEmpty(environment("NO_COLOR")) && environment("TERM") is not ("dumb" or null or "")
            ? new Style(true)
            : Plain;

    internal string Good(string text) => Paint("32", text);

    internal string Warn(string text) => Paint("33", text);

    internal string Bad(string text) => Paint("31", text);

    internal string Strong(string text) => Paint("1", text);

    private string Paint(string code, string text) => colours && text.Length > 0 ? $"\e[{code}m{text}\e[0m" : text;
}
