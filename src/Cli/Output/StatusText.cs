using System.Globalization;
using System.Text;

namespace VmCacheCluster.Cli.Output;

/// <summary><c>vmcache status</c> as text.</summary>
internal static class StatusText
{
    private const int EventsShown = 10;

    internal static string Of(StatusView node, bool wide, DateTimeOffset now, Style style)
    {
        var text = new StringBuilder();
        if (wide)
        {
            var up = node.StartedAt is { } start ? $", up {Durations.Age(now - start)}" : "";
            text.Append($"vmcached {node.Version ?? Words.Unknown}, pid {ListText.Number(node.Pid)}{up}, {node.Endpoint}\n{Usage(node)}\n");
        }

        foreach (var problem in node.Problems ?? []) text.Append(style.Bad(Table.OneLine(problem))).Append('\n');
        text.Append(node.Pools.Count > 0 ? Pools(node.Pools, wide, style) : "no pools\n");
        var vms = node.Pools.SelectMany(p => p.Vms.Select(v => (p.Name, v))).ToList();
        if (vms.Count > 0)
        {
            text.Append('\n').Append(Vms(vms, wide, now, style));
            text.Append(HeldText.Of([.. vms.Select(v => v.v)], now, style));
        }

        if (node.Quarantined is { } left)
        {
            text.Append('\n').Append(Quarantined(left, style));
        }

        var events = Recent(node.Pools);
        if (events.Count > 0)
        {
            text.Append('\n').Append(Events(events, wide, now));
        }

        return text.ToString();
    }

    /// <summary>A line of its own; empty for a node that does not tell.</summary>
    private static string Usage(StatusView node) => node is not { OpenFiles: { } files, LocalConnections: { } local } ? ""
        : $"open files {Share(files)}, connections {Share(local)}{string.Concat((node.NetworkConnections ?? []).Select(port => $", over TCP {Share(port)}"))}\n";

    private static string Share(UsageView usage) => string.Create(CultureInfo.InvariantCulture, $"{usage.Used} of {usage.Limit}");

    private static Table Pools(IReadOnlyList<PoolView> pools, bool wide, Style style)
    {
        string[] heads = ["POOL", "READY", "WARMING", "LEASED", "WAITING", "ACCEL", "REASON"];
        var table = new Table(wide ? [.. heads[..^1], "ENDPOINT", "WHY-ACCEL", "REFILL", "WHY-REFILL", "REVISION", "REASON"] : heads);
        foreach (var pool in pools)
        {
            Func<string, string> paint = pool.Warm >= pool.Target ? style.Good : pool.Warm == 0 ? style.Bad : style.Warn;
            Table.Cell[] cells =
            [
                pool.Name, new($"{pool.Warm}/{pool.Target}", paint), Number(pool.Warming), Number(pool.Leased), Number(pool.Waiting),
                pool.Accelerator ?? "-",
            ];
            Table.Cell reason = new(string.Join("; ", new[] { pool.Reason, pool.Rollout ?? "" }.Where(r => r.Length > 0)), style.Warn);
            table.Add(wide ? [.. cells, pool.Endpoint ?? "-", pool.AcceleratorReason ?? "-", pool.Refill ?? "-", pool.RefillReason ?? "-", pool.Revision ?? "-", reason] : [.. cells, reason]);
        }

        return table;
    }

    private static Table Vms(IReadOnlyList<(string Pool, VmView Vm)> vms, bool wide, DateTimeOffset now, Style style)
    {
        string[] heads = ["ID", "POOL", "STATE", "PID", "CPUS", "MEMORY", "MADE-BY"];
        // There is hardly ever one, and then it is what matters.
        var hindered = vms.Any(v => v.Vm.Obstacle is not null);
        string[] last = hindered ? ["REASON"] : [];
        var table = new Table(wide ? [.. heads, "USER", "PSS", "SERVED", "HOLDER", "EXPIRES", "LABELS", "QMP", "AGENT", "CONSOLE", .. last] : [.. heads, .. last]);
        foreach (var (pool, vm) in vms)
        {
            Table.Cell[] cells =
            [
                vm.Id, pool, new(vm.State, Paint(vm.State, style)), ListText.Number(vm.Pid),
                ListText.Number(vm.Cpus), ListText.Memory(vm.MemoryMiB), vm.MadeBy ?? "-",
            ];
            Table.Cell reason = vm.Obstacle is { } obstacle ? new Table.Cell($"its end cannot be completed and is tried again: {obstacle}", style.Warn) : "-";
            Table.Cell[] end = hindered ? [reason] : [];
            table.Add(wide
                ? [.. cells, ListText.User(vm), vm.PssMiB is { } pss ? $"{pss.ToString("0", CultureInfo.InvariantCulture)} MiB" : "-", vm.Served ?? "-",
                    HeldText.Holder(vm, now), ListText.Expiry(vm, now), ListText.Labels(vm), vm.Qmp ?? "-", vm.Agent ?? "-", vm.Console ?? "-", .. end]
                : [.. cells, .. end]);
        }

        return table;
    }


    private static Table Quarantined(IReadOnlyList<QuarantinedView> vms, Style style)
    {
        var table = new Table("QUARANTINED", "POOL", "PID", "REASON");
        foreach (var vm in vms) table.Add(vm.Id, vm.Pool ?? "-", ListText.Number(vm.Pid), new Table.Cell(vm.Reason, style.Warn));
        return table;
    }

    internal static Func<string, string>? Paint(string state, Style style) => state switch
    {
        "warm" => style.Good,
        "failed" or "unresponsive" => style.Bad,
        "leased" or "reserved" or "preparing" => style.Strong,
        _ => null,
    };

    private static List<(string Pool, EventView Event)> Recent(IReadOnlyList<PoolView> pools) =>
        [.. pools.SelectMany(p => p.Events.Select(e => (p.Name, e))).OrderBy(e => e.e.At ?? DateTimeOffset.MinValue).TakeLast(EventsShown)];

    private static Table Events(List<(string Pool, EventView Event)> events, bool wide, DateTimeOffset now)
    {
        var table = new Table(wide ? "AT" : "AGE", "POOL", "VM", "EVENT");
        foreach (var (pool, e) in events)
        {
            var when = e.At is not { } at ? "-"
                : wide ? Durations.Moment(at)
                : Durations.Age(now - at);
            table.Add(when, pool, e.Vm ?? "-", e.What);
        }

        return table;
    }

    private static string Number(uint value) => value.ToString(CultureInfo.InvariantCulture);
}
