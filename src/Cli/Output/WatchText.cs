using System.Globalization;

namespace VmCacheCluster.Cli.Output;

/// <summary>One line of <c>vmcache watch</c>; its columns have fixed widths, since nobody knows what is still to come.</summary>
internal static class WatchText
{
    private const int IdWidth = 36;

    internal static string Of(WatchEventView seen, bool wide)
    {
        var position = wide ? string.Create(CultureInfo.InvariantCulture, $"{seen.Epoch}/{seen.Sequence,-8} ") : "";
        var what = seen.Kind == "reset" ? "what follows is how all VMs are" : $"{seen.Vm?.State ?? "-",-9} {seen.Reason}";
        return Table.OneLine($"{(seen.At is { } at ? Durations.Moment(at) : "-")} {position}{seen.Kind,-8} {seen.Pool ?? "-",-12} {Id(seen)} {what}").TrimEnd();
    }

    private static string Id(WatchEventView seen) => (seen.Vm?.Id ?? "-").PadRight(IdWidth);
}
