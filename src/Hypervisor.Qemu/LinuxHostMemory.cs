using System.Globalization;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>MemAvailable and MemTotal of /proc/meminfo, and /proc/pressure/memory where the kernel has it.</summary>
/// <param name="proc">Where /proc is.</param>
public sealed class LinuxHostMemory(string proc = "/proc") : IHostMemory
{
    private const string Available = "MemAvailable:";
    private const string Total = "MemTotal:";
    private const string Some = "some avg10=";

    /// <inheritdoc/>
    public HostMemory? Read() => ReadKiB(Available) is { } kib ? new HostMemory(kib * 1024, ReadStalled(), ReadKiB(Total) * 1024 ?? long.MaxValue) : null;

    private long? ReadKiB(string what)
    {
        if (Line(Path.Combine(proc, "meminfo"), what) is not { } line) return null;
        return long.TryParse(line.AsSpan(what.Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture, out var kib) ? kib : null;
    }

    private double? ReadStalled()
    {
        if (Line(Path.Combine(proc, "pressure", "memory"), Some) is not { } line) return null;
        var percent = line.AsSpan(Some.Length);
        var end = percent.IndexOf(' ');
        return double.TryParse(end < 0 ? percent : percent[..end], CultureInfo.InvariantCulture, out var value) ? value / 100 : null;
    }

    private static string? Line(string file, string start)
    {
        try
        {
            return File.ReadLines(file).FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A kernel without pressure figures has no such file, or does not let it be read.
            return null;
        }
    }
}
