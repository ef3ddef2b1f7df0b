using System.Buffers;
using System.Net.Sockets;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Qmp;

/// <summary>
/// One connection to a QEMU monitor: many commands at once, each with its own deadline; events filtered by name. A
/// monitor serves one client at a time, a second one waits in silence.
/// </summary>
public sealed class QmpClient : IAsyncDisposable
{
    private const int MostUnwanted = 1 << 16;

    private static readonly TimeSpan UnwantedWindow = TimeSpan.FromMinutes(10);

    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly QmpLineReader _reader;
    private readonly QmpOptions _options;
    private readonly string _path;
    private readonly PendingCommands _pending = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly Channel<QmpEvent> _events;
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _reading = Task.CompletedTask;
    private long _unwantedSince = Environment.TickCount64;
    private int _unwanted;
    private long _strayReplies;
    private long _droppedEvents;
    private int _disposed;

    private QmpClient(Socket socket, string path, QmpOptions options)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new QmpLineReader(_stream, options.MaxLineBytes);
        _options = options;
        _path = path;
        _events = Channel.CreateBounded<QmpEvent>(
            new BoundedChannelOptions(options.EventCapacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleWriter = true },
            _ => Interlocked.Increment(ref _droppedEvents));
    }

    /// <summary>The kept events, in order; completes when the connection ends.</summary>
    public ChannelReader<QmpEvent> Events => _events.Reader;

    /// <summary>Completes, never fails, when the connection has ended; the result says why.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>Answers that came after their deadline, or to no command of ours.</summary>
    public long StrayReplies => Interlocked.Read(ref _strayReplies);

    /// <summary>Kept events that were lost because nobody read them.</summary>
    public long DroppedEvents => Interlocked.Read(ref _droppedEvents);

    /// <summary>Connects, awaits the greeting and negotiates, each within the greeting's deadline.</summary>
    /// <exception cref="QmpDisconnectedException">Nobody listens there, or it is no QMP monitor.</exception>
    /// <exception cref="QmpTimeoutException">The monitor is occupied or hung.</exception>
    public static async Task<QmpClient> ConnectUnixAsync(string path, QmpOptions? options = null, CancellationToken cancel = default)
    {
        options ??= QmpOptions.Default;
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var connecting = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        connecting.CancelAfter(options.GreetingDeadline);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), connecting.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            socket.Dispose();
            throw QmpTimeoutException.Greeting(path, options.GreetingDeadline);
        }
        catch (Exception fault) when (fault is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new QmpDisconnectedException($"cannot connect to the monitor at {path}: {fault.Message}", fault);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        var client = new QmpClient(socket, path, options);
        try
        {
            await client.NegotiateAsync(cancel).ConfigureAwait(false);
            return client;
        }
        catch
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Runs one command and returns what QEMU returned.</summary>
    /// <param name="command">Such as "query-status".</param>
    /// <param name="arguments">Writes the members of the arguments object; null: no arguments.</param>
    /// <param name="cancel">Ends the wait, not the command: QEMU may still run it.</param>
    /// <param name="deadline">Null: <see cref="QmpOptions.CommandDeadline"/>.</param>
    /// <exception cref="QmpCommandException">QEMU refused it.</exception>
    /// <exception cref="QmpTimeoutException">No answer in time.</exception>
    /// <exception cref="QmpDisconnectedException">The connection ended, or had ended.</exception>
    public Task<JsonElement> ExecuteAsync(
        string command, Action<Utf8JsonWriter>? arguments = null, CancellationToken cancel = default, TimeSpan? deadline = null)
        => ExecuteAsync(command, arguments, null, cancel, deadline);

    /// <summary>Gives QEMU a copy of an open file, which its later commands name (as "fd:NAME"). The caller keeps its own.</summary>
    /// <inheritdoc cref="ExecuteAsync(string, Action{Utf8JsonWriter}?, CancellationToken, TimeSpan?)"/>
    public Task GiveFileAsync(string name, SafeFileHandle file, CancellationToken cancel = default)
        => ExecuteAsync("getfd", json => json.WriteString("fdname", name), file, cancel, null);

    private async Task<JsonElement> ExecuteAsync(
        string command, Action<Utf8JsonWriter>? arguments, SafeFileHandle? file, CancellationToken cancel, TimeSpan? deadline)
    {
        var limit = deadline ?? _options.CommandDeadline;
        var (id, answer) = _pending.Add(command);
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        waiting.CancelAfter(limit);
        try
        {
            await SendAsync(Encode(id, command, arguments), file, waiting.Token).ConfigureAwait(false);
            return await answer.WaitAsync(waiting.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            cancel.ThrowIfCancellationRequested();
            throw QmpTimeoutException.Command(command, limit);
        }
        finally
        {
            _pending.Forget(id);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await _closed.Task.ConfigureAwait(false);
            return;
        }
        End("the connection was closed by us");
        await _reading.ConfigureAwait(false);
    }

    private async Task NegotiateAsync(CancellationToken cancel)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        waiting.CancelAfter(_options.GreetingDeadline);
        try
        {
            var greeting = await _reader.ReadAsync(waiting.Token).ConfigureAwait(false)
                ?? throw new QmpDisconnectedException($"{_path} ended the connection before a QMP greeting");
            if (!greeting.TryGetProperty("QMP", out _))
                throw new QmpDisconnectedException($"{_path} is no QMP monitor: its first line is no QMP greeting");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw QmpTimeoutException.Greeting(_path, _options.GreetingDeadline);
        }
        catch (Exception fault) when (fault is InvalidDataException or IOException)
        {
            throw new QmpDisconnectedException($"{_path} is no QMP monitor: {fault.Message}", fault);
        }
        _reading = ReadAllAsync();
        await ExecuteAsync("qmp_capabilities", null, cancel, _options.GreetingDeadline).ConfigureAwait(false);
    }

    private static ReadOnlyMemory<byte> Encode(long id, string command, Action<Utf8JsonWriter>? arguments)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("execute", command);
            if (arguments is not null)
            {
                writer.WriteStartObject("arguments");
                arguments(writer);
                writer.WriteEndObject();
            }
            writer.WriteNumber("id", id);
            writer.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }

    private async Task SendAsync(ReadOnlyMemory<byte> line, SafeFileHandle? file, CancellationToken cancel)
    {
        await _sending.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            // QEMU keeps what came with any byte before the command: a blank one changes nothing.
            if (file is not null) FilePassing.Send(_socket, (byte)' ', file);
            await _stream.WriteAsync(line, cancel).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException)
        {
            End($"the monitor at {_path} cannot be written to: {fault.Message}");
            throw new QmpDisconnectedException($"the monitor at {_path} cannot be written to: {fault.Message}", fault);
        }
        catch (OperationCanceledException)
        {
            // Half a command may have been sent: nothing that follows could be understood.
            End($"a command to the monitor at {_path} was given up while it was being sent");
            throw;
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReadAllAsync()
    {
        var why = $"the monitor at {_path} closed the connection";
        try
        {
            while (await _reader.ReadAsync(CancellationToken.None).ConfigureAwait(false) is { } message) Dispatch(message);
        }
        catch (InvalidDataException fault)
        {
            why = $"the monitor at {_path} sent {fault.Message}";
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException or InvalidOperationException)
        {
            why = $"the connection to the monitor at {_path} broke: {fault.Message}";
        }
        End(why);
        await _reader.CompleteAsync().ConfigureAwait(false);
    }

    /// <exception cref="InvalidDataException">The monitor goes on and on with what nobody wants to know: a guest can cause some events as often as it likes.</exception>
    private void Dispatch(JsonElement message)
    {
        if (message.TryGetProperty("event", out var name))
        {
            if (name.ValueKind == JsonValueKind.String && name.GetString() is { } text && _options.Events.Contains(text))
                _events.Writer.TryWrite(new QmpEvent(text, message.TryGetProperty("data", out var data) ? data : default));
            else CountUnwanted();
            return;
        }
        if (IsAnswer(message)) return;
        Interlocked.Increment(ref _strayReplies);
        CountUnwanted();
    }

    private void CountUnwanted()
    {
        if (++_unwanted <= MostUnwanted) return;
        var now = Environment.TickCount64;
        if (now - _unwantedSince < UnwantedWindow.TotalMilliseconds)
            throw new InvalidDataException($"more than {MostUnwanted} events or answers in {UnwantedWindow.TotalMinutes:0} minutes that nobody waits for");
        (_unwanted, _unwantedSince) = (1, now);
    }

    private bool IsAnswer(JsonElement message)
    {
        if (!message.TryGetProperty("id", out var idValue) || idValue.ValueKind != JsonValueKind.Number || !idValue.TryGetInt64(out var id))
            return false;
        if (message.TryGetProperty("return", out var result)) return _pending.TryAnswer(id, result);
        return message.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object
            && _pending.TryFail(id, Member(error, "class"), Member(error, "desc"));
    }

    private static string Member(JsonElement error, string name) =>
        error.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "(none given)";

    private void End(string why)
    {
        if (!_closed.TrySetResult(why)) return;
        _pending.End(new QmpDisconnectedException(why));
        _events.Writer.TryComplete();
        _stream.Dispose();
    }
}
