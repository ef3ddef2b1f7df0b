using System.Text.Json;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>What can be plugged: vCPUs, one a socket, and memory in slots.</summary>
internal sealed class Hardware(CommandLine line)
{
    private readonly Lock _gate = new();
    private readonly SortedSet<int> _sockets = [.. Enumerable.Range(0, line.Cpus)];
    private readonly HashSet<string> _devices = [];
    private readonly Dictionary<string, long> _backends = new() { ["dimm1"] = line.Memory.Base };
    private readonly HashSet<string> _plugged = [];

    public int Cpus
    {
        get { lock (_gate) return _sockets.Count; }
    }

    public IReadOnlyList<string> Backends
    {
        get { lock (_gate) return [.. _backends.Keys]; }
    }

    public long PluggedMemory
    {
        get { lock (_gate) return _plugged.Sum(id => _backends[id]); }
    }

    /// <summary>The last socket first, as QEMU has it.</summary>
    public IReadOnlyList<(int Socket, bool Taken)> Places
    {
        get { lock (_gate) return [.. Enumerable.Range(0, line.MaxCpus).Reverse().Select(s => (s, _sockets.Contains(s)))]; }
    }

    public QmpReply AddObject(JsonElement arguments)
    {
        if (Text(arguments, "id") is not { } id || !arguments.TryGetProperty("size", out var size) || !size.TryGetInt64(out var bytes))
            return QmpReply.Generic("Parameter 'size' is missing");
        lock (_gate)
            return _backends.TryAdd(id, bytes) ? new QmpReply() : QmpReply.Generic($"attempt to add duplicate property '{id}' to object (type 'container')");
    }

    public QmpReply RemoveObject(JsonElement arguments)
    {
        var id = Text(arguments, "id") ?? "";
        lock (_gate)
        {
            if (_plugged.Contains(id)) return QmpReply.Generic($"object '{id}' is in use, can not be deleted");
            return _backends.Remove(id) ? new QmpReply() : QmpReply.Generic($"object '{id}' not found");
        }
    }

    public QmpReply AddDevice(JsonElement arguments)
    {
        var driver = Text(arguments, "driver") ?? "";
        var id = Text(arguments, "id") ?? "";
        lock (_gate)
        {
            if (_devices.Contains(id)) return QmpReply.Generic($"Duplicate device ID '{id}'");
            var refusal = driver == "pc-dimm" ? PlugMemory(Text(arguments, "memdev") ?? "")
                : driver.EndsWith("-x86_64-cpu", StringComparison.Ordinal) ? PlugCpu(arguments)
                : $"'{driver}' is not a valid device model name";
            if (refusal is not null) return QmpReply.Generic(refusal);
            _devices.Add(id);
            return new QmpReply();
        }
    }

    private string? PlugCpu(JsonElement arguments)
    {
        if (!arguments.TryGetProperty("socket-id", out var id) || !id.TryGetInt32(out var socket) || socket < 0 || socket >= line.MaxCpus)
            return $"Invalid CPU socket-id: must be in range 0:{line.MaxCpus - 1}";
        return _sockets.Add(socket) ? null : $"CPU[{socket}] with APIC ID {socket} exists";
    }

    private string? PlugMemory(string backend)
    {
        if (!_backends.TryGetValue(backend, out var bytes)) return $"Device '{backend}' not found";
        var used = _plugged.Sum(id => _backends[id]);
        if (_plugged.Count >= line.Memory.Slots) return "no free slots available";
        if (used + bytes > line.Memory.Most - line.Memory.Base)
            return $"not enough space, currently 0x{used:x} in use of total space for memory devices 0x{line.Memory.Most - line.Memory.Base:x}";
        return _plugged.Add(backend) ? null : $"can't use already busy memdev: {backend}";
    }

    private static string? Text(JsonElement arguments, string name) =>
        arguments.ValueKind == JsonValueKind.Object && arguments.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
