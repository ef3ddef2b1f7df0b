using System.Text;
using Tomlyn;
using Tomlyn.Model;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>A configuration.toml with its drop-ins merged in, key by key; each key knows the file that it stands in.</summary>
internal sealed class TomlFile(string path)
{
    public const int MostBytes = 1024 * 1024;

    /// <summary>Tables and arrays in each other; each part of a key counts as one. The parser's own limit, which saves the stack.</summary>
    private const int MostLevels = 64;

    private const int MostWords = 200;
    private const string Said = " : error : ";

    private readonly Dictionary<string, string> _from = new(StringComparer.Ordinal);

    public string Path { get; } = path;

    public TomlTable Root { get; } = new();

    /// <summary>Adds the keys of one more file, which replace those that are there.</summary>
    /// <returns>Why nothing was added; null: it was.</returns>
    public KataFault? Add(string file, byte[] bytes)
    {
        if (bytes.Length > MostBytes) return new KataFault(file, "", "", $"toml: the file has more than {MostBytes} bytes", "a configuration is smaller: name the right file");
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
            Merge(Root, TomlSerializer.Deserialize(text, TomlTypes.Default.TomlTable) ?? [], "", file);
            return null;
        }
        catch (DecoderFallbackException)
        {
            return new KataFault(file, "", "", "toml: the file is not UTF-8", "save it as UTF-8");
        }
        catch (TomlException fault)
        {
            return new KataFault(file, "", "", "toml: " + Reason(fault), "correct the line");
        }
    }

    /// <summary>What the parser says goes around what it was doing, and may hold all of a value.</summary>
    private static string Reason(TomlException fault)
    {
        Exception at = fault;
        while (at.InnerException is { } inner)
        {
            if (inner is TomlException { Line: not null, Column: not null } closer) fault = closer;
            at = inner;
        }

        if (at.Message.Contains(nameof(TomlSerializerOptions.MaxDepth), StringComparison.Ordinal))
            return $"{Place(fault)}more than {MostLevels} levels";
        var begin = at.Message.IndexOf(Said, StringComparison.Ordinal);
        var said = Printable.OneLine(begin < 0 ? at.Message : at.Message[(begin + Said.Length)..]);
        return Place(fault) + (said.Length > MostWords ? said[..MostWords] + "..." : said);
    }

    private static string Place(TomlException fault)
        => fault is { Line: { } line, Column: { } column } ? $"line {line}, column {column}: " : "";

    /// <summary>The file that a key stands in, such as hypervisor.qemu.kernel.</summary>
    public string FileOf(string key) => _from.GetValueOrDefault(key, Path);

    private void Merge(TomlTable into, TomlTable from, string prefix, string file)
    {
        foreach (var (name, value) in from)
        {
            var key = prefix + name;
            if (value is TomlTable table)
            {
                if (!into.TryGetValue(name, out var known) || known is not TomlTable inner) into[name] = inner = new TomlTable();
                Merge(inner, table, key + ".", file);
                continue;
            }

            into[name] = value;
            _from[key] = file;
        }
    }
}

[Tomlyn.Serialization.TomlSerializable(typeof(TomlTable))]
internal sealed partial class TomlTypes : Tomlyn.Serialization.TomlSerializerContext;
