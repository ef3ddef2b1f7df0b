using System.Text;
using System.Text.RegularExpressions;
using VmCacheCluster.Agent;
using VmCacheCluster.Domain.Ports;
using V1 = VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Gateway.Services;

/// <summary>What may be put into a guest. It all travels to the guest in one message of at most 4 MiB.</summary>
public static partial class LateBindingRules
{
    public const int MostFiles = 256;
    public const int LargestFile = 1 << 20;
    public const int MostFileBytes = 3 << 20;
    public const int MostVariables = 256;
    public const int LargestVariable = 32 << 10;
    public const int MostVariableBytes = 128 << 10;
    private const int MostPathBytes = 128 << 10;
    private const uint UsualMode = 0x1A4; // rw-r--r--
    private const uint HighestMode = 0xFFF; // 07777

    public static LateBinding Read(V1.LateBinding? wanted, RequestFaults faults)
    {
        if (wanted is null) return LateBinding.None;
        if (wanted.Hostname.Length > 0 && !Hostname().IsMatch(wanted.Hostname))
        {
            faults.Add("late_binding.hostname",
                $"{RequestFaults.Quote(wanted.Hostname)} is no host name: up to 64 letters, digits, '-' and '.', every part beginning and ending with a letter or a digit");
        }

        CheckEnvironment(wanted.Environment, "late_binding.environment", faults);
        CheckFiles(wanted.Files, faults);
        return new LateBinding(
            wanted.Hostname, new Dictionary<string, string>(wanted.Environment),
            [.. wanted.Files.Select(f => new GuestFile(f.Path, (int)(f.Mode == 0 ? UsualMode : f.Mode), f.Content.Memory))]);
    }

    public static void CheckEnvironment(IReadOnlyDictionary<string, string> environment, string field, RequestFaults faults)
    {
        if (environment.Count > MostVariables) faults.Add(field, $"at most {MostVariables} variables, not {environment.Count}");
        var bytes = 0L;
        foreach (var (name, value) in environment.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            var own = Encoding.UTF8.GetByteCount(name) + Encoding.UTF8.GetByteCount(value);
            bytes += own;
            if (own > LargestVariable) faults.Add($"{field}[{RequestFaults.Quote(name)}]", $"at most {LargestVariable} bytes of name and value, not {own}");
            if (name.Length == 0 || name.Contains('=') || name.Contains('\0'))
                faults.Add(field, $"{RequestFaults.Quote(name)} is no name of a variable: not empty, without '=' and NUL");
            if (value.Contains('\0')) faults.Add($"{field}[{RequestFaults.Quote(name)}]", "a value has no NUL");
        }

        if (bytes > MostVariableBytes) faults.Add(field, $"at most {MostVariableBytes} bytes of names and values together, not {bytes}");
    }

    private static void CheckFiles(IReadOnlyList<V1.GuestFile> files, RequestFaults faults)
    {
        const string field = "late_binding.files";
        if (files.Count > MostFiles) faults.Add(field, $"at most {MostFiles} files, not {files.Count}");
        for (var i = 0; i < files.Count; i++)
        {
            if (PreparePath.Fault(files[i].Path) is { } fault) faults.Add($"{field}[{i}].path", $"{RequestFaults.Quote(files[i].Path)} {fault}");
            if (files[i].Mode > HighestMode)
                faults.Add($"{field}[{i}].mode", $"permission bits are at most 07777, not 0{Convert.ToString(files[i].Mode, 8)}");
            if (files[i].Content.Length > LargestFile)
                faults.Add($"{field}[{i}].content", $"a file has at most {LargestFile} bytes, not {files[i].Content.Length}; larger ones belong into the guest's image");
        }

        var bytes = files.Sum(f => (long)f.Content.Length);
        if (bytes > MostFileBytes) faults.Add(field, $"at most {MostFileBytes} bytes together, not {bytes}");
        var pathBytes = files.Sum(f => (long)Encoding.UTF8.GetByteCount(f.Path));
        if (pathBytes > MostPathBytes) faults.Add(field, $"at most {MostPathBytes} bytes of paths together, not {pathBytes}");
        else if (files.Count <= MostFiles) CheckTogether(files, field, faults);
    }

    /// <summary>A path that is there twice, or below another one that is a file.</summary>
    private static void CheckTogether(IReadOnlyList<V1.GuestFile> files, string field, RequestFaults faults)
    {
        var paths = new HashSet<string>(StringComparer.Ordinal);
        var plain = files.Select((file, i) => (file.Path, Field: $"{field}[{i}].path")).Where(f => PreparePath.Fault(f.Path) is null).ToList();
        foreach (var (path, own) in plain)
            if (!paths.Add(path)) faults.Add(own, $"{RequestFaults.Quote(path)} is there twice");
        foreach (var (path, own) in plain)
        {
            if (PreparePath.DirectoriesAbove(path).FirstOrDefault(paths.Contains) is { } above)
                faults.Add(own, $"{RequestFaults.Quote(path)} lies below {RequestFaults.Quote(above)}, which is to be a file");
        }
    }

    [GeneratedRegex(@"\A(?=.{1,64}\z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\z")]
    private static partial Regex Hostname();
}
