using System.Globalization;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>One place that settings come from, the strongest first in a <see cref="Section"/>.</summary>
/// <param name="Node">What it says; null: nothing.</param>
/// <param name="Prefix">The full key of that node.</param>
/// <param name="Source">For a person: "file /etc/vmcache/vmcache.conf", "flag --endpoint".</param>
internal sealed record Layer(ConfigNode? Node, string Prefix, string Source)
{
    /// <summary>What its one key is called where it stands, if that is another name.</summary>
    public string? Named { get; init; }

    /// <summary>The full key of a setting, as a person finds it there.</summary>
    public string KeyOf(string name) => $"{Prefix}.{Named ?? name}";
}

/// <summary>A value, and where it came from.</summary>
internal sealed record Setting<T>(T Value, string Key, string Text, string Source)
{
    public ConfigurationFault Fault(string reason, string remedy = "") => new(Key, Text, reason, Source, remedy);
}

/// <summary>
/// Typed settings over layers. A value that cannot be read is a fault, and the next layer's is taken, so that the rest is
/// checked too. The last layer is the reference, which has every key.
/// </summary>
internal sealed class Section(IReadOnlyList<Layer> layers, ICollection<ConfigurationFault> faults)
{
    /// <param name="name">The key, relative to the section.</param>
    /// <param name="parse">Gives the value, or the reason why there is none.</param>
    /// <param name="remedy">What to do when there is none.</param>
    public Setting<T> Read<T>(string name, Func<string, (T Value, string? Reason)> parse, string remedy)
    {
        foreach (var layer in layers)
        {
            if (layer.Node?[name] is not { IsNull: false } node) continue;
            var key = layer.KeyOf(name);
            if (node.Text is null)
            {
                faults.Add(new ConfigurationFault(
                    key, node.Shown, node.IsMissing ? "it has no value" : "it is not a single value", layer.Source, remedy));
                continue;
            }
            var (value, reason) = parse(node.Text);
            if (reason is null) return new Setting<T>(value, key, node.Text, layer.Source);
            faults.Add(new ConfigurationFault(key, node.Text, reason, layer.Source, remedy));
        }
        throw new InvalidOperationException($"reference.conf has no usable {name}");
    }

    public Setting<string> Text(string name, string remedy) => Read<string>(
        name, t => t.Any(char.IsControl) ? ("", "it contains a control character") : (t, null), remedy);

    public Setting<string> TextOf(string name, Func<char, bool> allowed, string remedy) => Read<string>(
        name, t => t.FirstOrDefault(c => !allowed(c)) is var c and not '\0' ? ("", $"it contains the character '{c}'") : (t, null), remedy);

    public Setting<int> Number(string name, int min, int max, string? auto = null, int autoValue = 0) => Read(
        name,
        t => t == auto ? (autoValue, null)
            : !long.TryParse(t, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) ? (0, "it is not a whole number")
            : n < min ? (0, n < 0 ? "it is negative" : $"it is below {min}")
            : n > max ? (0, $"it is above {max}")
            : ((int)n, (string?)null),
        $"give a whole number from {min} to {max}{(auto is null ? "" : $", or {auto}")}");

    public Setting<double> Fraction(string name) => Read(
        name,
        t => double.TryParse(t, NumberStyles.Float, CultureInfo.InvariantCulture, out var n) && n is >= 0 and <= 1
            ? (n, (string?)null)
            : (0, "it is not a number from 0 to 1"),
        "give a fraction such as 0.2");

    /// <summary>A time of more than zero; null for each of the words in <paramref name="none"/>.</summary>
    public Setting<TimeSpan?> Time(string name, params string[] none) => Read<TimeSpan?>(
        name,
        t => none.Contains(t) ? (null, null)
            : !Units.TryTime(t, out var time) ? (null, "it is not a time with a unit")
            : time <= TimeSpan.Zero ? (null, "it is not more than zero")
            : (time, null),
        $"give a time such as 500ms, 30s, 5m or 24h{string.Concat(none.Select(word => $", or {word}"))}");

    /// <summary>MiB; null when empty and that is allowed.</summary>
    /// <param name="auto">The word for "as it fits"; the value is null then.</param>
    public Setting<int?> MiB(string name, int min, string? auto = null) => Read<int?>(
        name,
        t => t == auto ? (null, null)
            : !Units.TryMiB(t, out var mib) ? (null, "it is not a size in whole MiB")
            : mib < min ? (null, mib < 0 ? "it is negative" : $"it is below {min} MiB")
            : mib > int.MaxValue ? (null, "it is above what QEMU can address")
            : ((int)mib, null),
        $"give a size such as 256MiB or 1GiB, at least {min}MiB{(auto is null ? "" : $", or {auto}")}");

    /// <summary>MiB, given as a size or as a share of the whole.</summary>
    public Setting<long> MiBOf(string name, long whole) => Read(
        name,
        t => Units.TryShare(t, out var share) ? ((long)(whole * share), null)
            : !Units.TryMiB(t, out var mib) ? (0, "it is neither a size in whole MiB nor a share of the host's memory")
            : mib < 0 ? (0, "it is negative")
            : mib > whole ? (0, $"this host has {whole} MiB")
            : (mib, (string?)null),
        "give a size such as 512MiB, or a share such as 5%");

    /// <summary>From 0 to 1; null for the word <paramref name="none"/>.</summary>
    public Setting<double?> Share(string name, string none) => Read<double?>(
        name,
        t => t == none ? (null, null) : Units.TryShare(t, out var share) ? (share, null) : (null, "it is not a share from 0% to 100%"),
        $"give a share such as 10%, or {none}");

    /// <summary>From 0 to 1.</summary>
    public Setting<double> Share(string name) => Read(
        name, t => Units.TryShare(t, out var share) ? (share, (string?)null) : (0, "it is not a share from 0% to 100%"), "give a share such as 25%");

    public Setting<T> Choice<T>(string name, IReadOnlyDictionary<string, T> choices) => Read(
        name,
        t => choices.TryGetValue(t, out var value) ? (value, (string?)null) : (default!, "there is no such choice"),
        $"give one of {string.Join(", ", choices.Keys)}");

    /// <summary>A choice that can be written in more than one way.</summary>
    /// <param name="parse">Gives null for what is none.</param>
    /// <param name="choices">All of them, in words.</param>
    public Setting<T> Choice<T>(string name, Func<string, T?> parse, string choices)
        where T : struct => Read(
        name,
        t => parse(t) is { } value ? (value, (string?)null) : (default, "there is no such choice"),
        $"give {choices}");

    /// <summary>An absolute path, made regular; empty when that is allowed.</summary>
    public Setting<string> Path(string name, bool mayBeEmpty = false) => Read<string>(
        name,
        t => t.Length == 0 ? mayBeEmpty ? ("", null) : ("", "it is empty")
            : PathRules.Problem(t) is { } problem ? ("", problem)
            : (System.IO.Path.GetFullPath(t), null),
        "give an absolute path without commas and control characters");
}
