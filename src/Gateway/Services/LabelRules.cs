using System.Text;
using System.Text.RegularExpressions;

namespace VmCacheCluster.Gateway.Services;

/// <summary>What labels may be: keys as Kubernetes has them, values any short text.</summary>
public static partial class LabelRules
{
    public const int Most = 64;
    public const int LongestValue = 256;
    private const int LongestPrefix = 253;

    public static void Check(IReadOnlyDictionary<string, string> labels, RequestFaults faults)
    {
        if (labels.Count > Most) faults.Add("labels", $"at most {Most} labels, not {labels.Count}");
        foreach (var (key, value) in labels.OrderBy(l => l.Key, StringComparer.Ordinal))
        {
            if (!IsKey(key))
            {
                faults.Add("labels", $"{RequestFaults.Quote(key)} is no label key: [prefix/]name, the name 1 to 63 letters, digits, '-', '_' and '.', "
                    + "beginning and ending with a letter or a digit; the prefix a lower-case DNS name");
            }

            var bytes = Encoding.UTF8.GetByteCount(value);
            if (bytes > LongestValue) faults.Add($"labels[{RequestFaults.Quote(key)}]", $"a value has at most {LongestValue} bytes, not {bytes}");
            else if (value.Any(char.IsControl)) faults.Add($"labels[{RequestFaults.Quote(key)}]", "a value has no control characters");
        }
    }

    private static bool IsKey(string key)
    {
        var slash = key.IndexOf('/');
        return Name().IsMatch(key[(slash + 1)..])
            && (slash < 0 || (slash is > 0 and <= LongestPrefix && Prefix().IsMatch(key[..slash])));
    }

    [GeneratedRegex(@"\A[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\z")]
    private static partial Regex Prefix();
}
