using System.Text;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Finds and reads the operator's file, and the reference that is in the binary.</summary>
internal static class ConfigurationFile
{
    private static readonly Lazy<ConfigNode> Known = new(ReadReference);

    public static ConfigNode Reference() => Known.Value;

    private static ConfigNode ReadReference()
    {
        using var stream = typeof(ConfigurationFile).Assembly.GetManifestResourceStream("reference.conf")!;
        using var reader = new StreamReader(stream);
        return HoconText.Parse(reader.ReadToEnd());
    }

    /// <summary>The file's settings; nothing when no file is named and there is none at the default place.</summary>
    /// <param name="named">The path and who named it; null when nobody did.</param>
    /// <param name="fallback">The default place.</param>
    /// <param name="environment">Where its references may lead.</param>
    /// <param name="faults">Gets a fault when the file cannot be read; settings of flags are checked nevertheless.</param>
    public static (ConfigNode Node, string Source) Read(
        (string Path, string Source)? named, string fallback, IReadOnlyDictionary<string, string> environment, ICollection<ConfigurationFault> faults)
    {
        if (named is null && !File.Exists(fallback)) return (ConfigNode.Nothing, "");
        var path = named?.Path ?? fallback;
        var by = named?.Source ?? "the default place";
        try
        {
            return (HoconText.Parse(RegularFile.ReadText(path, Hocon.HoconLimits.Characters), environment), $"file {path}");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            faults.Add(new ConfigurationFault(path, "", "there is no such file", by, "check the path"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            faults.Add(new ConfigurationFault(path, "", $"it cannot be read: {e.Message}", by, "name a text file that the daemon may read"));
        }
        catch (FormatException e)
        {
            faults.Add(new ConfigurationFault(path, "", $"it is not valid HOCON: {e.Message}", $"file {path}", "correct it there"));
        }
        catch (DecoderFallbackException)
        {
            faults.Add(new ConfigurationFault(path, "", "it is not UTF-8 text", $"file {path}", "name a text file"));
        }
        return (ConfigNode.Nothing, "");
    }
}
