using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Toml;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>
/// Takes the keys of a configuration.toml and of its drop-ins as Kata's decoder does: tables and keys in any case, each of the type that
/// the version has for it. In a drop-in the keys of [hypervisor] and [agent] count by their exact names, and an unknown one is a fault.
/// </summary>
/// <param name="rules">Of the version.</param>
/// <param name="main">The configuration.toml.</param>
internal sealed class KataDecoder(KataRules rules, string main)
{
    private const string Hypervisor = "hypervisor", Agent = "agent";
    private const int MostIgnored = 100;

    private readonly Dictionary<string, KataSection> _sections = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];
    private int _ignored;

    /// <summary>Values of another type, keys that stand there twice.</summary>
    public List<KataFault> Faults { get; } = [];

    /// <summary>Keys of drop-ins that cannot be applied.</summary>
    public List<KataFault> NotApplied { get; } = [];

    /// <summary>What is ignored.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>A table with what is set in it; empty when it is not there.</summary>
    public KataSection Section(string name) => _sections.GetValueOrDefault(name) ?? new KataSection(name, main);

    /// <summary>The names of the tables in a table, such as qemu in [hypervisor], in their order.</summary>
    public IEnumerable<string> Names(string table) =>
        _names.Where(n => n.StartsWith(table + ".", StringComparison.Ordinal)).Select(n => n[(table.Length + 1)..]);

    public void Read(string file, TomlTable root)
    {
        var dropIn = file != main;
        // In one file a key counts once, however it is written.
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in root.Entries)
        {
            if (!rules.Tables.ContainsKey(entry.Key)) Ignored(entry.Key, file, entry.Line);
            else if (!KataRules.HoldsTables(entry.Key))
                Table(new Place(file, entry.Key, entry.Key.ToLowerInvariant(), entry.Line), entry.Value, seen, exact: false);
            // Kata's decoder passes over anything else without a word.
            else if (entry.Value is TomlTable tables) Tables(file, entry.Key, tables, seen, dropIn);
        }
    }

    private void Tables(string file, string written, TomlTable tables, Dictionary<string, string> seen, bool dropIn)
    {
        var kind = written.ToLowerInvariant();
        var exact = dropIn && kind is (Hypervisor or Agent);
        foreach (var (name, value, line) in tables.Entries)
        {
            var place = new Place(file, $"{written}.{name}", $"{kind}.{name}", line);
            if (!seen.TryAdd($"[{place.Name}]", place.Written))
            {
                Twice(place, seen[$"[{place.Name}]"], value);
            }
            else if (exact && written != kind)
            {
                Check(place with { Name = kind }, value);
                Warnings.Add($"{Printable.OneLine(place.Written)} in file {file}, line {line} is ignored, as Kata ignores it: "
                    + $"in a drop-in the table is called [{kind}.{Printable.OneLine(name)}]");
            }
            else
            {
                Table(place, value, seen, exact);
            }
        }
    }

    private void Table(Place place, TomlValue value, Dictionary<string, string> seen, bool exact)
    {
        if (value is not TomlTable table)
        {
            Refuse(place, value, KataTypes.NoTable(value));
            return;
        }

        var kind = place.Name.Split('.')[0];
        var keys = rules.Tables[kind];
        if (KataRules.HoldsTables(kind) && !exact) Section(place);
        foreach (var (key, held, line) in table.Entries)
        {
            var at = place with { Written = $"{place.Written}.{key}", Line = line };
            var known = keys.Keys.FirstOrDefault(k => string.Equals(k, key, StringComparison.OrdinalIgnoreCase));
            if (known is not null && KataTypes.Refusal(held, keys[known]) is { } refusal) Refuse(at, held, refusal);
            else if (exact && known != key) NotFound(at, key, known);
            else if (known is null) Ignored(at.Written, place.File, line);
            else if (!seen.TryAdd($"{place.Name}.{known}", at.Written)) Twice(at, seen[$"{place.Name}.{known}"], held);
            else Section(place).Set(known, new KataSetting(place.File, at.Written, held, line));
        }
    }

    /// <summary>The types alone: what is ignored has to be of the right types all the same.</summary>
    private void Check(Place place, TomlValue value)
    {
        if (value is not TomlTable table)
        {
            Refuse(place, value, KataTypes.NoTable(value));
            return;
        }

        foreach (var (key, held, line) in table.Entries)
        {
            if (rules.Tables[place.Name].TryGetValue(key, out var type) && KataTypes.Refusal(held, type) is { } refusal)
                Refuse(place with { Written = $"{place.Written}.{key}", Line = line }, held, refusal);
        }
    }

    private KataSection Section(Place place)
    {
        if (_sections.TryGetValue(place.Name, out var section)) return section;
        _names.Add(place.Name);
        return _sections[place.Name] = new KataSection(place.Name, main) { File = place.File, Line = place.Line };
    }

    private void Refuse(Place place, TomlValue value, (string Text, string Remedy) refusal)
    {
        var key = Printable.OneLine(place.Written);
        var said = InFile(place.File, $"toml: line {place.Line} (last key \"{key}\"): {refusal.Text}");
        Faults.Add(new KataFault(place.File, key, KataSection.Shown(value), said, refusal.Remedy) { Line = place.Line });
    }

    private void Twice(Place place, string first, TomlValue value)
    {
        var key = Printable.OneLine(place.Written);
        var text = $"{Printable.OneLine(first)} and {key} are one key for Kata, and it is left to chance which of them counts";
        var said = InFile(place.File, text);
        Faults.Add(new KataFault(place.File, key, KataSection.Shown(value), said, "keep one of them") { Line = place.Line });
    }

    private void NotFound(Place place, string key, string? known)
    {
        var (written, name) = (Printable.OneLine(place.Written), Printable.OneLine(key));
        var said = $"error applying key '{written}' from drop-in file \"{place.File}\": "
            + $"error getting key \"{name}\" from a decoded drop-in conf file: key \"{name}\" not found";
        var remedy = known is null ? "correct the key, or take it out" : $"write {known}: in a drop-in a key counts in small letters alone";
        NotApplied.Add(new KataFault(place.File, written, "", said, remedy) { Line = place.Line });
    }

    private void Ignored(string written, string file, int line)
    {
        _ignored++;
        if (_ignored <= MostIgnored)
            Warnings.Add(
                $"{Printable.OneLine(written)} in file {file}, line {line} is no key of Kata {rules.Version}: it is ignored, as by Kata");
        else if (_ignored == MostIgnored + 1) Warnings.Add($"there are more keys than these {MostIgnored} that Kata {rules.Version} ignores");
    }

    private string InFile(string file, string text) => file == main ? text : $"error decoding file \"{file}\": {text}";

    /// <param name="Written">A key with its tables as the file has them.</param>
    /// <param name="Name">Its table in small letters.</param>
    private sealed record Place(string File, string Written, string Name, int Line);
}
