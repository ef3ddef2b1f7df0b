using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace VmCacheCluster.Tests.TestSupport.Qmp;

/// <summary>A listening socket in a directory of its own, whose connections a test plays by hand, line by line.</summary>
public sealed class FakeQmpPeer : IAsyncDisposable
{
    public const string Greeting = """{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}""";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("qmp");
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public FakeQmpPeer()
    {
        Path = System.IO.Path.Combine(_directory.FullName, "qmp.sock");
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen(8);
    }

    public string Path { get; }

    /// <summary>The next client, silent so far.</summary>
    public async Task<FakeQmpConnection> AcceptAsync() => new(await _listener.AcceptAsync().WaitAsync(FakeQmpConnection.Patience));

    /// <summary>The next client, greeted and with its qmp_capabilities answered.</summary>
    public async Task<FakeQmpConnection> AcceptGreetedAsync()
    {
        var connection = await AcceptAsync();
        await connection.SendAsync(Greeting + "\r\n");
        await connection.AnswerAsync("qmp_capabilities", "{}");
        return connection;
    }

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _directory.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}

/// <summary>One client of a <see cref="FakeQmpPeer"/>.</summary>
public sealed class FakeQmpConnection(Socket socket) : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly NetworkStream _stream = new(socket, ownsSocket: true);
    private StreamReader? _reader;

    public async Task SendAsync(string text) => await _stream.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask().WaitAsync(Patience);

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    /// <summary>The client's next command; throws at the end of the connection.</summary>
    public async Task<FakeQmpCommand> ReceiveAsync()
    {
        _reader ??= new StreamReader(_stream, leaveOpen: true);
        var line = await _reader.ReadLineAsync().WaitAsync(Patience) ?? throw new EndOfStreamException("the client left");
        using var json = JsonDocument.Parse(line);
        var root = json.RootElement;
        return new FakeQmpCommand(
            root.GetProperty("execute").GetString()!,
            root.GetProperty("id").GetInt64(),
            root.TryGetProperty("arguments", out var arguments) ? arguments.GetRawText() : "");
    }

    /// <summary>Expects this command and answers it.</summary>
    public async Task AnswerAsync(string command, string result)
    {
        var received = await ReceiveAsync();
        if (received.Command != command) throw new InvalidOperationException($"expected '{command}', got '{received.Command}'");
        await SendAsync(received.Return(result));
    }

    public void Dispose() => _stream.Dispose();
}

/// <param name="Arguments">Raw JSON; empty when there were none.</param>
public sealed record FakeQmpCommand(string Command, long Id, string Arguments)
{
    public string Return(string result) => $"{{\"return\": {result}, \"id\": {Id}}}\r\n";

    public string Error(string errorClass, string desc) =>
        $"{{\"id\": {Id}, \"error\": {{\"class\": \"{errorClass}\", \"desc\": \"{desc}\"}}}}\r\n";
}
