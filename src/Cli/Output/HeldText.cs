namespace VmCacheCluster.Cli.Output;

/// <summary>By whom a VM is held, as text.</summary>
internal static class HeldText
{
    /// <summary>Whether the one who was given the VM has acted (an unconfirmed VM is destroyed after its grace period); of one that Kata's
    /// client took, since when, and whether a client is connected.</summary>
    internal static string Holder(VmView vm, DateTimeOffset now)
    {
        var acted = (vm.Confirmed, vm.ConfirmBefore) switch
        {
            (true, _) => "confirmed",
            (false, { } before) => before > now ? $"unconfirmed, {Durations.Age(before - now)} left" : "unconfirmed, overdue",
            (false, null) => "unconfirmed",
            _ => "-",
        };
        if (vm.HeldBy != "kata") return acted;
        var age = vm.HeldSince is { } since ? $" for {Durations.Age(now - since)}" : "";
        return $"{acted}, by Kata's call{age}{vm.ClientConnected switch { true => ", client connected", false => ", no client", null => "" }}";
    }

    /// <summary>VMs that Kata's client took, runs and is not connected to: it may have failed. Empty when there are none.</summary>
    internal static string Of(IReadOnlyList<VmView> vms, DateTimeOffset now, Style style)
    {
        var left = vms.Where(v => v is { HeldBy: "kata", Confirmed: true, ClientConnected: false }).OrderBy(v => v.HeldSince).ToList();
        if (left.Count == 0) return "";
        var names = string.Join(", ", left.Select(v => v.HeldSince is { } since ? $"{v.Id} for {Durations.Age(now - since)}" : v.Id));
        return "\n" + style.Warn(Table.OneLine(
            $"held through Kata's call, and no client is connected: {names} (if it has failed: vmcache release ID; see held-limit)")) + "\n";
    }
}
