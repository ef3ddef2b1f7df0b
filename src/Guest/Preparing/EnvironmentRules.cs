using System.Text;
using VmCacheCluster.Agent;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>What can be an environment.</summary>
internal static class EnvironmentRules
{
    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT, naming the variable.</exception>
    public static void Check(string name, string value)
    {
        if (name.Length == 0 || name.Contains('=')) throw Faults.Invalid($"environment: {Faults.Quote(name)} cannot be the name of a variable");
        if (name.Contains('\0') || value.Contains('\0')) throw Faults.Invalid($"environment: {Faults.Quote(name)} holds a NUL character");
    }

    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT, naming the variable or the limit.</exception>
    public static void CheckAll(IReadOnlyCollection<KeyValuePair<string, string>> environment)
    {
        if (environment.Count > PrepareLimits.EnvironmentEntries)
            throw Faults.Invalid($"environment: {environment.Count} variables are more than the {PrepareLimits.EnvironmentEntries} allowed");
        if (environment.Count == 0) return;
        var all = 0;
        foreach (var (name, value) in environment)
        {
            Check(name, value);
            var length = Encoding.UTF8.GetByteCount(name) + Encoding.UTF8.GetByteCount(value);
            if (length > PrepareLimits.EnvironmentEntryBytes)
                throw Faults.Invalid($"environment: {Faults.Quote(name)} has {length} bytes, more than the {PrepareLimits.EnvironmentEntryBytes} allowed");
            all += length;
        }

        if (all > PrepareLimits.EnvironmentBytes)
            throw Faults.Invalid($"environment: {all} bytes together are more than the {PrepareLimits.EnvironmentBytes} allowed");
    }
}
