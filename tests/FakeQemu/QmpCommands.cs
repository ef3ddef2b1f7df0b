using System.Text.Json;

namespace VmCacheCluster.Tests.FakeQemu;

/// <param name="Result">Writes the value of "return"; null for an empty object.</param>
/// <param name="Then">What happens once the answer is on its way.</param>
internal sealed record QmpReply(Action<Utf8JsonWriter>? Result = null, (string Class, string Desc)? Error = null, Action? Then = null)
{
    public static QmpReply Generic(string desc) => new(Error: ("GenericError", desc));
}

/// <summary>The QMP commands that this fake knows.</summary>
internal sealed class QmpCommands
{
    private readonly CommandLine _line;
    private readonly Directives _directives;
    private readonly Machine _machine;
    private readonly Hardware _hardware;
    private readonly Dictionary<string, Ringbuf> _ringbufs;
    private readonly Dictionary<string, Func<JsonElement, QmpReply>> _commands;

    public QmpCommands(CommandLine line, Directives directives, Machine machine)
    {
        _line = line;
        _directives = directives;
        _machine = machine;
        _hardware = new Hardware(line);
        _ringbufs = line.Chardevs.Where(c => c.Kind == "ringbuf").ToDictionary(c => c.Id, _ => new Ringbuf(directives.Console));
        _commands = new()
        {
            ["qmp_capabilities"] = _ => new QmpReply(),
            ["query-status"] = _ => new QmpReply(WriteStatus),
            ["query-version"] = _ => Members(QmpJson.Version),
            ["query-name"] = _ => Members(w =>
            {
                if (line.Name is { } name) w.WriteString("name", name);
            }),
            ["query-kvm"] = _ => Members(w =>
            {
                w.WriteBoolean("enabled", false);
                w.WriteBoolean("present", false);
            }),
            ["query-cpus-fast"] = _ => Items(Enumerable.Range(0, _hardware.Cpus), WriteCpu),
            ["query-hotpluggable-cpus"] = _ => Items(_hardware.Places, WritePlace),
            ["query-memory-size-summary"] = _ => Members(w =>
            {
                w.WriteNumber("base-memory", line.Memory.Base);
                w.WriteNumber("plugged-memory", _hardware.PluggedMemory);
            }),
            ["query-memdev"] = _ => Items(_hardware.Backends, (w, id) => w.WriteString("id", id)),
            ["object-add"] = _hardware.AddObject,
            ["object-del"] = _hardware.RemoveObject,
            ["device_add"] = _hardware.AddDevice,
            ["getfd"] = _ => new QmpReply(),
            ["closefd"] = _ => QmpReply.Generic("File descriptor not found"),
            ["migrate-set-parameters"] = _ => new QmpReply(),
            ["migrate-set-capabilities"] = _ => new QmpReply(),
            ["migrate"] = _ => machine.Migrate() ? new QmpReply() : QmpReply.Generic("Can't migrate the vm that was paused due to previous migration"),
            ["migrate_cancel"] = _ => new QmpReply(),
            ["query-migrate"] = _ => Members(w =>
            {
                if (machine.Migrated) w.WriteString("status", "completed");
            }),
            ["query-chardev"] = _ => Items(line.Chardevs, WriteChardev),
            ["query-commands"] = _ => Items(_commands!.Keys.Order(), (w, name) => w.WriteString("name", name)),
            ["stop"] = _ => Do(machine.Pause),
            ["cont"] = _ => machine.Continue() ? new QmpReply() : QmpReply.Generic("Resetting the Virtual Machine is required"),
            ["quit"] = _ => new QmpReply(Then: () => machine.Quit("host-qmp-quit")),
            ["system_powerdown"] = _ => new QmpReply(Then: machine.PowerDown),
            ["set-action"] = SetAction,
            ["ringbuf-read"] = ReadRingbuf,
        };
    }

    public QmpReply Execute(string command, JsonElement arguments)
    {
        if (_directives.ExitOn.Contains(command)) _machine.Crash(1);
        if (_directives.Refusal(command) is { } message) return QmpReply.Generic(message);
        return _commands.TryGetValue(command, out var run)
            ? run(arguments)
            : new QmpReply(Error: ("CommandNotFound", $"The command {command} has not been found"));
    }

    private QmpReply SetAction(JsonElement arguments)
    {
        if (Text(arguments, "shutdown") is { } action) _machine.StayAfterShutdown = action == "pause";
        return new QmpReply();
    }

    private QmpReply ReadRingbuf(JsonElement arguments)
    {
        if (Text(arguments, "device") is not { } device) return QmpReply.Generic("Parameter 'device' is missing");
        if (!arguments.TryGetProperty("size", out var size) || !size.TryGetInt32(out var bytes) || bytes <= 0)
            return QmpReply.Generic("size must be greater than zero");
        if (_ringbufs.TryGetValue(device, out var ringbuf))
        {
            return Text(arguments, "format") == "base64"
                ? new QmpReply(w => w.WriteBase64StringValue(ringbuf.Read(bytes)))
                : new QmpReply(w => w.WriteStringValue(ringbuf.Read(bytes)));
        }
        return QmpReply.Generic(_line.Chardevs.Any(c => c.Id == device) ? $"{device} is not a ringbuf device" : $"Device '{device}' not found");
    }

    private void WriteStatus(Utf8JsonWriter w)
    {
        w.WriteStartObject();
        w.WriteString("status", _machine.Status);
        w.WriteBoolean("singlestep", false);
        w.WriteBoolean("running", _machine.IsRunning);
        w.WriteEndObject();
    }

    private static void WriteCpu(Utf8JsonWriter w, int index)
    {
        w.WriteNumber("cpu-index", index);
        w.WriteNumber("thread-id", Environment.ProcessId);
        w.WriteString("qom-path", $"/machine/unattached/device[{index}]");
        w.WriteString("target", "x86_64");
    }

    private static void WritePlace(Utf8JsonWriter w, (int Socket, bool Taken) place)
    {
        w.WriteString("type", "max-x86_64-cpu");
        w.WriteNumber("vcpus-count", 1);
        w.WriteStartObject("props");
        w.WriteNumber("socket-id", place.Socket);
        w.WriteNumber("core-id", 0);
        w.WriteNumber("thread-id", 0);
        w.WriteEndObject();
        if (place.Taken) w.WriteString("qom-path", $"/machine/unattached/device[{place.Socket}]");
    }

    private void WriteChardev(Utf8JsonWriter w, Chardev chardev)
    {
        w.WriteBoolean("frontend-open", chardev != _line.Agent || _machine.HasBooted);
        w.WriteString("filename", chardev.Path is { } path ? $"disconnected:unix:{path},server=on" : chardev.Kind);
        w.WriteString("label", chardev.Id);
    }

    private static string? Text(JsonElement arguments, string name) =>
        arguments.ValueKind == JsonValueKind.Object && arguments.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static QmpReply Do(Action action)
    {
        action();
        return new QmpReply();
    }

    private static QmpReply Members(Action<Utf8JsonWriter> members) => new(w =>
    {
        w.WriteStartObject();
        members(w);
        w.WriteEndObject();
    });

    private static QmpReply Items<T>(IEnumerable<T> items, Action<Utf8JsonWriter, T> members) => new(w =>
    {
        w.WriteStartArray();
        foreach (var item in items)
        {
            w.WriteStartObject();
            members(w, item);
            w.WriteEndObject();
        }
        w.WriteEndArray();
    });
}
