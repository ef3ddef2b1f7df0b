using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Toml;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>Reads one file of a configuration from the host.</summary>
internal static class KataFileReader
{
    private const int MostBytes = 1024 * 1024;
    private const int MostWords = 200;
    private const int MostKey = 100;

    /// <returns>Its tables, or why there are none.</returns>
    public static (TomlTable? Root, KataFault? Fault) Read(IKataHost host, string file, TomlDialect dialect)
    {
        try
        {
            var bytes = host.Read(file, MostBytes + 1);
            if (bytes.Length <= MostBytes) return Parse(file, new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes), dialect);
            var large = $"toml: the file has more than {MostBytes} bytes";
            return (null, new KataFault(file, "", "", large, "a configuration is smaller: name the right file"));
        }
        catch (DecoderFallbackException)
        {
            return (null, new KataFault(file, "", "", "toml: the file is not UTF-8", "save it as UTF-8"));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return (null, new KataFault(file, "", "", $"open {file}: {fault.Message}", "make it readable"));
        }
    }

    private static (TomlTable? Root, KataFault? Fault) Parse(string file, string text, TomlDialect dialect)
    {
        try
        {
            return (TomlParser.Parse(text, dialect), null);
        }
        catch (TomlException fault)
        {
            var place = $"line {fault.Line}" + (fault.Key.Length > 0 ? $" (last key \"{Short(fault.Key, MostKey)}\")" : "");
            var said = $"toml: {place}: {Short(fault.Message, MostWords)}";
            return (null, new KataFault(file, "", "", said, "correct the line") { Line = fault.Line });
        }
    }

    private static string Short(string text, int most)
    {
        var line = Printable.OneLine(text);
        return line.Length > most ? line[..most] + "..." : line;
    }
}
