using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.FakeQemu;

/// <summary>A fake-qemu of a test, with its directory; ended and removed with it.</summary>
internal sealed class FakeVm : IDisposable
{
    public static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("fake-qemu-");

    public FakeVm(string directives, params string[] more)
    {
        File.WriteAllText(At("kernel"), directives);
        var start = new ProcessStartInfo(FakeQemuBinary.PathOrSkip()) { RedirectStandardError = true };
        string[] args =
        [
            "-name", "guest=vm-1,debug-threads=on", "-machine", "q35,accel=tcg", "-smp", "2,maxcpus=4", "-kernel", At("kernel"),
            "-append", "-quiet console=ttyS0", "-qmp", $"unix:{At("qmp")},server=on,wait=off",
            "-chardev", $"socket,id=supervisor,path={At("supervisor")},server=on,wait=off", "-mon", "chardev=supervisor,mode=control",
            "-chardev", $"socket,id=agent,path={At("agent")},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,id=channel0,name=agent.channel.0",
            "-chardev", "ringbuf,id=console,size=65536", "-pidfile", At("pid"), .. more,
        ];
        foreach (var arg in args) start.ArgumentList.Add(arg);
        Process = Process.Start(start)!;
    }

    public Process Process { get; }

    public string At(string name) => Path.Combine(_directory.FullName, name);

    /// <summary>Connects to a monitor as soon as it listens; nothing is read or sent.</summary>
    public async Task<RawQmp> ConnectAsync(string name)
    {
        using var patience = new CancellationTokenSource(Generous);
        while (!File.Exists(At("pid")))
        {
            if (Process.HasExited) throw new InvalidOperationException($"fake-qemu ended: {await Process.StandardError.ReadToEndAsync()}");
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(At(name)), patience.Token);
        return new RawQmp(new NetworkStream(socket, ownsSocket: true));
    }

    /// <summary>Connects, takes the greeting, and negotiates.</summary>
    public async Task<RawQmp> GreetAsync(string name)
    {
        var qmp = await ConnectAsync(name);
        Assert.True((await qmp.ReadAsync()).TryGetProperty("QMP", out _));
        await qmp.ExecuteAsync("qmp_capabilities");
        return qmp;
    }

    public async Task<(int Status, string Error)> ExitAsync()
    {
        var error = await Process.StandardError.ReadToEndAsync().WaitAsync(Generous);
        await Process.WaitForExitAsync().WaitAsync(Generous);
        return (Process.ExitCode, error.Trim());
    }

    public void Dispose()
    {
        Process.Kill();
        Process.WaitForExit();
        Process.Dispose();
        _directory.Delete(recursive: true);
    }
}

/// <summary>QMP by hand: a line out, lines in.</summary>
internal sealed class RawQmp(NetworkStream stream) : IDisposable
{
    private readonly StreamReader _lines = new(stream);

    public async Task SendAsync(string text) => await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text));

    public async Task<JsonElement> ReadAsync() =>
        JsonDocument.Parse(await _lines.ReadLineAsync().WaitAsync(FakeVm.Generous) ?? throw new EndOfStreamException()).RootElement;

    /// <summary>Sends a command and gives the next line, be it the answer or an event.</summary>
    public async Task<JsonElement> ExecuteAsync(string command, string arguments = "{}")
    {
        await SendAsync($$"""{"execute": "{{command}}", "arguments": {{arguments}}}""");
        return await ReadAsync();
    }

    public async Task<string> StatusAsync() =>
        (await ExecuteAsync("query-status")).GetProperty("return").GetProperty("status").GetString()!;

    public async Task<string> EventAsync() => (await ReadAsync()).GetProperty("event").GetString()!;

    public async Task<bool> EndedAsync() => await _lines.ReadLineAsync().WaitAsync(FakeVm.Generous) is null;

    public Task<string?> LineAsync() => _lines.ReadLineAsync();

    public void Dispose() => stream.Dispose();
}
