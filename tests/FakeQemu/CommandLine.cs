namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>A character device: its kind (socket, ringbuf, ...) and, of a socket, its path or the descriptor that it is.</summary>
internal sealed record Chardev(string Id, string Kind, string? Path, int? Descriptor = null)
{
    public bool IsSocket => Kind == "socket" && (Path ?? (object?)Descriptor) is not null;
}

/// <summary>What of a QEMU command line means something to a fake; everything else is ignored.</summary>
internal sealed class CommandLine
{
    private static readonly HashSet<string> WithValue =
        ["qmp", "chardev", "mon", "device", "kernel", "append", "pidfile", "name", "smp", "m", "action"];

    private readonly Dictionary<string, Chardev> _chardevs = [];
    private readonly List<string> _monitorChardevs = [];
    private string? _agentChardev;

    public bool ShowVersion { get; private set; }

    public bool StartPaused { get; private set; }

    /// <summary>A guest that goes down leaves the process (-no-shutdown, or -action shutdown=pause).</summary>
    public bool StayAfterShutdown { get; private set; }

    public string? Kernel { get; private set; }

    public string? PidFile { get; private set; }

    public string? Name { get; private set; }

    public int Cpus { get; private set; } = 1;

    public int MaxCpus { get; private set; } = 1;

    /// <summary>In bytes.</summary>
    public (long Base, long Most, int Slots) Memory { get; private set; } = (128 << 20, 128 << 20, 0);

    public IReadOnlyCollection<Chardev> Chardevs => _chardevs.Values;

    public IEnumerable<Chardev> Monitors => _monitorChardevs.Select(id => _chardevs[id]);

    public Chardev? Agent => _agentChardev is { } id ? _chardevs.GetValueOrDefault(id) : null;

    /// <summary>Sockets that nobody behind them answers: consoles and the like.</summary>
    public IEnumerable<Chardev> MuteSockets =>
        Chardevs.Where(c => c.IsSocket && c != Agent && !_monitorChardevs.Contains(c.Id));

    /// <exception cref="UsageException">What QEMU would refuse, too.</exception>
    public static CommandLine Parse(string[] args)
    {
        var line = new CommandLine();
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith('-')) continue;
            var option = args[i].TrimStart('-');
            if (!WithValue.Contains(option)) line.Flag(option);
            else if (++i < args.Length) line.Option(option, args[i]);
            else throw new UsageException($"-{option}: requires an argument");
        }
        var unknown = line._monitorChardevs.Find(id => !line._chardevs.ContainsKey(id));
        return unknown is null ? line : throw new UsageException($"-mon chardev={unknown}: chardev \"{unknown}\" not found");
    }

    private void Flag(string option)
    {
        ShowVersion |= option == "version";
        StartPaused |= option == "S";
        StayAfterShutdown |= option == "no-shutdown";
    }

    private void Option(string option, string value)
    {
        var keys = new KeyValues(value);
        switch (option)
        {
            case "qmp" when keys.First.StartsWith("unix:", StringComparison.Ordinal):
                AddMonitor(new Chardev($"compat_monitor{_monitorChardevs.Count}", "socket", keys.First["unix:".Length..]));
                break;
            case "chardev":
                var id = keys["id"] ?? throw new UsageException($"-chardev {value}: Parameter 'id' is missing");
                _chardevs[id] = new Chardev(id, keys.First, keys["path"], int.TryParse(keys["fd"], out var descriptor) ? descriptor : null);
                break;
            case "mon" when keys["mode"] == "control":
                _monitorChardevs.Add(keys["chardev"] ?? throw new UsageException($"-mon {value}: Parameter 'chardev' is missing"));
                break;
            case "device" when keys.First == "virtserialport" && keys["name"] == "agent.channel.0":
                _agentChardev = keys["chardev"];
                break;
            case "action":
                StayAfterShutdown |= keys["shutdown"] == "pause";
                break;
            case "smp":
                Cpus = int.TryParse(keys["cpus"] ?? keys.First, out var cpus) ? cpus : 1;
                MaxCpus = int.TryParse(keys["maxcpus"], out var most) ? most : Cpus;
                break;
            case "m":
                var size = Bytes(keys["size"] ?? keys.First);
                Memory = (size, keys["maxmem"] is { } max ? Bytes(max) : size, int.TryParse(keys["slots"], out var slots) ? slots : 0);
                break;
            case "name":
                Name = keys["guest"] ?? keys.First;
                break;
            case "kernel":
                Kernel = value;
                break;
            case "pidfile":
                PidFile = value;
                break;
        }
    }

    /// <summary>QEMU takes MiB where there is no unit.</summary>
    private static long Bytes(string text)
    {
        var shift = char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'G' => 30, _ => 20 };
        return long.TryParse(text.TrimEnd('K', 'k', 'M', 'm', 'G', 'g'), out var number)
            ? number << shift
            : throw new UsageException($"-m {text}: Parameter 'size' expects a size value");
    }

    private void AddMonitor(Chardev chardev)
    {
        _chardevs[chardev.Id] = chardev;
        _monitorChardevs.Add(chardev.Id);
    }
}

/// <summary>A command line that cannot be used; QEMU ends with status 1 then.</summary>
internal sealed class UsageException(string message) : Exception(message);
