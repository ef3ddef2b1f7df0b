using System.Globalization;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>How this fake shall behave: the lines of the file given as -kernel. README.md explains each.</summary>
internal sealed class Directives
{
    public TimeSpan BootDelay { get; private set; }

    public string Agent { get; private set; } = "";

    public bool GreetingNever { get; private set; }

    public string Qmp { get; private set; } = "";

    public HashSet<string> HangOn { get; } = [];

    /// <summary>By command or by agent call: how many go well first, and what the others are refused with.</summary>
    public Dictionary<string, (int After, string Message)> FailOn { get; } = [];

    public HashSet<string> ExitOn { get; } = [];

    public (int Status, string Message)? ExitAtStart { get; private set; }

    public (TimeSpan Delay, int Status)? ExitAfter { get; private set; }

    public TimeSpan? PanicAfter { get; private set; }

    public bool IgnoreSigterm { get; private set; }

    public string Console { get; private set; } = "";

    /// <summary>What a command or agent call is to be refused with this time; null: it goes well.</summary>
    public string? Refusal(string name)
    {
        lock (FailOn)
        {
            if (!FailOn.TryGetValue(name, out var fail)) return null;
            if (fail.After == 0) return fail.Message;
            FailOn[name] = fail with { After = fail.After - 1 };
            return null;
        }
    }

    /// <exception cref="FormatException">A line that is no directive.</exception>
    public static Directives Parse(IEnumerable<string> lines)
    {
        var directives = new Directives();
        foreach (var line in lines.Select(l => l.Trim()).Where(l => l.Length > 0))
        {
            var at = line.IndexOf('=');
            var (key, value) = at < 0 ? (line, "") : (line[..at], line[(at + 1)..]);
            try
            {
                directives.Take(key, value);
            }
            catch (FormatException e)
            {
                throw new FormatException($"fake-qemu: directive '{line}': {e.Message}", e);
            }
        }
        return directives;
    }

    private void Take(string key, string value)
    {
        switch (key)
        {
            case "boot-delay": BootDelay = Duration(value); break;
            case "agent" when value.StartsWith("forward:/", StringComparison.Ordinal): Agent = value; break;
            case "agent": Agent = OneOf(value, "never", "not-serving", "garbage", "wrong-version"); break;
            case "greeting": GreetingNever = OneOf(value, "never").Length > 0; break;
            case "qmp": Qmp = OneOf(value, "garbage", "oversized-line"); break;
            case "hang-on": HangOn.Add(Command(value)); break;
            case "exit-on": ExitOn.Add(Command(value)); break;
            case "fail-on":
                var (command, message) = Split(value);
                FailOn[Command(command)] = (0, message);
                break;
            case "fail-after":
                var (name, rest) = Split(value);
                var (count, refusal) = Split(rest);
                FailOn[Command(name)] = (Number(count), refusal);
                break;
            case "exit-at-start":
                var (status, words) = Split(value);
                ExitAtStart = (Number(status), words);
                break;
            case "exit-after":
                var (delay, code) = Split(value);
                ExitAfter = (Duration(delay), Number(code));
                break;
            case "panic-after": PanicAfter = Duration(value); break;
            case "ignore-sigterm": IgnoreSigterm = true; break;
            case "console": Console += value.Replace("\\n", "\n") + "\n"; break;
            default: throw new FormatException("unknown directive");
        }
    }

    private static (string, string) Split(string value)
    {
        var at = value.IndexOf(':');
        return at < 0 ? throw new FormatException("':' expected") : (value[..at], value[(at + 1)..]);
    }

    private static string OneOf(string value, params string[] known) =>
        known.Contains(value) ? value : throw new FormatException($"one of {string.Join(", ", known)} expected");

    private static string Command(string value) => value.Length > 0 ? value : throw new FormatException("a QMP command expected");

    private static int Number(string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"'{value}' is no number");

    private static TimeSpan Duration(string value)
    {
        var unit = value.EndsWith("ms", StringComparison.Ordinal) ? "ms" : "s";
        return value.EndsWith(unit, StringComparison.Ordinal) ? TimeSpan.FromMilliseconds(Number(value[..^unit.Length]) * (unit == "s" ? 1000.0 : 1))
            : throw new FormatException($"'{value}' is no duration such as 200ms or 3s");
    }
}
