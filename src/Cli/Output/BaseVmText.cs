namespace VmCacheCluster.Cli.Output;

/// <summary><c>vmcache get-base-vm</c> as text.</summary>
internal static class BaseVmText
{
    internal static string Of(BaseVmView vm, bool wide)
    {
        List<(string Name, string Value)> rows =
        [
            ("id", vm.Id),
            ("pool", vm.Pool ?? "-"),
            ("pid", ListText.Number(vm.Pid)),
            ("cpus", ListText.Number(vm.Cpus)),
            ("memory", ListText.Memory(vm.MemoryMiB)),
            ("made by", vm.MadeBy ?? "-"),
            ("served", vm.Served ?? "-"),
            ("qmp", vm.Qmp),
            ("agent", vm.Agent ?? "-"),
            ("console", vm.Console ?? "-"),
        ];
        if (wide)
        {
            rows.Add(("share", vm.Share ?? "-"));
            rows.Add(("state", vm.State));
        }

        return string.Concat(rows.Select(r => $"{r.Name,-9}{Table.OneLine(r.Value)}\n")) + "\n" + Next(vm);
    }

    private static string Next(BaseVmView vm)
    {
        if (vm.Resumed is { } resumed)
        {
            return $"It runs: {Resume(resumed)}.\nRun a command in it: vmcache exec {vm.Id} -- uname -a\n";
        }

        var grace = vm.GracePeriodSeconds is { } seconds
            ? $"It is paused: resume it within {Durations.Exact(TimeSpan.FromSeconds(seconds))} or it is destroyed"
            : "It is paused: resume it soon, or it is destroyed after its pool's grace period";
        return $"{grace} (vmcache resume {vm.Id}).\n";
    }

    internal static string Resume(ResumedView times) => FormattableString.Invariant(
        $"resumed in {times.Cont:0.0} ms, reseeded in {times.Reseed:0.0} ms, clock set in {times.Clock:0.0} ms; agent answered after {times.Total:0.0} ms");
}
