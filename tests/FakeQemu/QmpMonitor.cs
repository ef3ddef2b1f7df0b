using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>One QMP monitor: greets its client, answers its commands in order, and passes the machine's events on.</summary>
internal sealed class QmpMonitor
{
    private const int OversizedLine = 80 * 1024 * 1024;

    private readonly QmpCommands _commands;
    private readonly Directives _directives;
    private volatile Channel<byte[]>? _out;
    private volatile bool _negotiated;
    private Task _writing = Task.CompletedTask;

    public QmpMonitor(Machine machine, QmpCommands commands, Directives directives)
    {
        _commands = commands;
        _directives = directives;
        machine.Listen((name, data) =>
        {
            if (_negotiated) _out?.Writer.TryWrite(QmpJson.Event(name, data));
        });
    }

    /// <summary>Completes when all that was said to the present client is on its way; used at the end of the process.</summary>
    public Task FlushAsync()
    {
        _out?.Writer.TryComplete();
        return _writing;
    }

    public async Task ServeAsync(NetworkStream client)
    {
        if (_directives.GreetingNever)
        {
            await Sockets.SwallowAsync(client);
            return;
        }
        if (_directives.Qmp.Length > 0)
        {
            await MisbehaveAsync(client);
            return;
        }
        var output = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
        output.Writer.TryWrite(QmpJson.Greeting());
        _negotiated = false;
        _out = output;
        _writing = WriteAsync(client, output.Reader);
        try
        {
            await ReadAsync(client, output.Writer);
        }
        finally
        {
            _out = null;
            output.Writer.TryComplete();
        }
    }

    private async Task ReadAsync(NetworkStream client, ChannelWriter<byte[]> output)
    {
        var splitter = new JsonSplitter();
        await foreach (var value in splitter.ReadAsync(client))
        {
            using (value)
            {
                if (!Answer(value, output))
                {
                    await Sockets.SwallowAsync(client);
                    return;
                }
            }
        }
    }

    /// <returns>False when the monitor shall hang from here on.</returns>
    private bool Answer(JsonDocument? message, ChannelWriter<byte[]> output)
    {
        if (message is null || message.RootElement.ValueKind != JsonValueKind.Object)
        {
            output.TryWrite(QmpJson.Error(null, "GenericError", message is null ? "JSON parse error, invalid syntax" : "QMP input must be a JSON object"));
            return true;
        }
        var root = message.RootElement;
        JsonElement? id = root.TryGetProperty("id", out var given) ? given : null;
        if (!(root.TryGetProperty("execute", out var execute) || root.TryGetProperty("exec-oob", out execute)) || execute.ValueKind != JsonValueKind.String)
        {
            output.TryWrite(QmpJson.Error(id, "GenericError", "QMP input lacks member 'execute'"));
            return true;
        }
        var command = execute.GetString()!;
        if (_directives.HangOn.Contains(command)) return false;
        if (_negotiated == (command == "qmp_capabilities"))
        {
            output.TryWrite(QmpJson.Error(id, "CommandNotFound", _negotiated
                ? "Capabilities negotiation is already complete, command ignored"
                : "Expecting capabilities negotiation with 'qmp_capabilities'"));
            return true;
        }
        var arguments = root.TryGetProperty("arguments", out var args) ? args : default;
        var reply = _commands.Execute(command, arguments);
        output.TryWrite(reply.Error is { } e ? QmpJson.Error(id, e.Class, e.Desc) : QmpJson.Return(id, reply.Result));
        if (command == "qmp_capabilities") _negotiated = reply.Error is null;
        reply.Then?.Invoke();
        return true;
    }

    private async Task MisbehaveAsync(NetworkStream client)
    {
        if (_directives.Qmp == "garbage")
        {
            await client.WriteAsync(Encoding.Latin1.GetBytes("\u0001\u00ff{]no QMP\r\n\u0000\u0000\r\n"));
        }
        else
        {
            await client.WriteAsync("{\"QMP\": {\"version\": \""u8.ToArray());
            var chunk = Enumerable.Repeat((byte)'x', 64 * 1024).ToArray();
            for (var sent = 0; sent < OversizedLine; sent += chunk.Length) await client.WriteAsync(chunk);
        }
        await Sockets.SwallowAsync(client);
    }

    private static async Task WriteAsync(NetworkStream client, ChannelReader<byte[]> output)
    {
        try
        {
            await foreach (var line in output.ReadAllAsync()) await client.WriteAsync(line);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The client left.
        }
    }
}
