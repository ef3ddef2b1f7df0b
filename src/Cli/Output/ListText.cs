using System.Globalization;

namespace VmCacheCluster.Cli.Output;

/// <summary><c>vmcache list</c> as text.</summary>
internal static class ListText
{
    internal static string Of(ListView list, bool wide, DateTimeOffset now, Style style)
    {
        if (list.Vms.Count == 0)
        {
            return "no VMs\n";
        }

        string[] heads = ["ID", "POOL", "STATE", "CPUS", "MEMORY", "EXPIRES", "SANDBOX"];
        var table = new Table(wide ? [.. heads, "PID", "USER", "MADE-BY", "SERVED", "LABELS", "QMP"] : heads);
        foreach (var vm in list.Vms)
        {
            Table.Cell[] cells =
            [
                vm.Id, vm.Pool ?? "-", new(vm.State, StatusText.Paint(vm.State, style)), Number(vm.Cpus), Memory(vm.MemoryMiB),
                Expiry(vm, now), vm.SandboxId ?? "-",
            ];
            table.Add(wide ? [.. cells, Number(vm.Pid), User(vm), vm.MadeBy ?? "-", vm.Served ?? "-", Labels(vm), vm.Qmp ?? "-"] : cells);
        }

        return table.ToString();
    }

    /// <summary>How long its lease still lives.</summary>
    internal static string Expiry(VmView vm, DateTimeOffset now) => vm.ExpiresAt is { } at ? at > now ? $"in {Durations.Age(at - now)}" : "now" : "-";

    internal static string Labels(VmView vm) =>
        vm.Labels is { Count: > 0 } labels ? string.Join(",", labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={l.Value}")) : "-";

    internal static string Number(long? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "-";

    /// <summary>A number; of one that nobody has to look up its name.</summary>
    internal static string User(VmView vm) => vm.User == 0 ? "root" : Number(vm.User);

    internal static string Memory(uint? mebibytes) => mebibytes is null ? "-" : $"{mebibytes} MiB";
}
