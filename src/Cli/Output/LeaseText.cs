using System.Globalization;

namespace VmCacheCluster.Cli.Output;

/// <summary><c>vmcache acquire</c> without a command, as text.</summary>
internal static class LeaseText
{
    internal static string Of(LeaseView lease, bool wide)
    {
        List<(string Name, string Value)> rows =
        [
            ("id", lease.Id),
            ("token", lease.Token),
            ("expires", $"{Durations.Moment(lease.ExpiresAt)} ({Durations.Exact(TimeSpan.FromSeconds(lease.TtlSeconds))} after each renewal)"),
            ("pool", lease.Pool ?? "-"),
            ("cpus", ListText.Number(lease.Cpus)),
            ("memory", ListText.Memory(lease.MemoryMiB)),
            ("served", lease.Served ?? "-"),
        ];
        if (wide)
        {
            rows.AddRange(
            [
                ("made by", lease.MadeBy ?? "-"), ("pid", ListText.Number(lease.Pid)), ("host", lease.Host ?? "-"), ("gateway", lease.Gateway ?? "-"), ("qmp", lease.Qmp ?? "-"),
                ("agent", lease.Agent ?? "-"), ("console", lease.Console ?? "-"), ("share", lease.Share ?? "-"),
            ]);
            rows.AddRange(lease.Timeline.Select(s => ("stage", string.Create(CultureInfo.InvariantCulture, $"{s.Stage}, {s.Milliseconds:0.###} ms"))));
        }

        return string.Concat(rows.Select(r => $"{r.Name,-9}{Table.OneLine(r.Value)}\n")) + $"""

            Run a command in it: {Tokens.Variable}={lease.Token} vmcache exec {lease.Id} -- uname -a
            Keep it:             {Tokens.Variable}={lease.Token} vmcache renew {lease.Id}
            Give it back:        {Tokens.Variable}={lease.Token} vmcache release {lease.Id}

            """;
    }
}
