using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using VmCacheCluster.Agent;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Guest;

/// <summary>A QEMU with the embedded guest, whose agent has answered. Its QMP is on its standard streams.</summary>
public sealed class BootedGuest : IAsyncLifetime
{
    /// <summary>Generous: a machine full of other work must not fail a test.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly string _directory = Directory.CreateTempSubdirectory("vmc-guest-").FullName;
    private Process? _qemu;

    public string AgentSocket => Path.Combine(_directory, "agent.sock");
    private string SerialLog => Path.Combine(_directory, "serial.log");

    public async Task InitializeAsync()
    {
        var image = GuestImage.Find();
        var start = new ProcessStartInfo("qemu-system-x86_64") { RedirectStandardInput = true, RedirectStandardOutput = true };
        string[] arguments =
        [
            "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "256M,slots=2,maxmem=1G", "-smp", "1,maxcpus=2",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", image.Kernel, "-initrd", image.Initrd, "-append", "console=ttyS0 console=hvc0 panic=-1 cryptomgr.notests noreplace-smp",
            "-serial", $"file:{SerialLog}", "-device", "virtio-serial-pci",
            "-chardev", $"socket,id=console,path={_directory}/console.sock,server=on,wait=off", "-device", "virtconsole,chardev=console",
            "-chardev", $"socket,id=agent,path={AgentSocket},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=agent.channel.0",
            "-device", "virtio-rng-pci", "-device", "pvpanic-pci", "-qmp", "stdio",
        ];
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        _qemu = Process.Start(start) ?? throw new InvalidOperationException("qemu-system-x86_64 does not start");
        if (await ReadQmpAsync() is null) throw new InvalidOperationException("QEMU ended before its QMP greeting");
        await QmpAsync("qmp_capabilities");

        await using var client = await ConnectAsync();
        try
        {
            await new AgentClient(client).CheckAsync(CancellationToken.None, Patience);
        }
        catch (TtrpcException fault)
        {
            throw new InvalidOperationException($"the guest's agent does not answer; its kernel said:\n{await File.ReadAllTextAsync(SerialLog)}", fault);
        }
    }

    public async Task<TtrpcClient> ConnectAsync() =>
        await TtrpcClient.ConnectAsync(AgentSocket, new TtrpcClientOptions { DefaultTimeout = Patience }, CancellationToken.None);

    /// <summary>A connection to the agent's port without a protocol on it.</summary>
    public async Task<Socket> ConnectRawAsync()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(AgentSocket));
        return socket;
    }

    /// <summary>Runs one QMP command and passes over the events before its answer.</summary>
    public async Task<JsonElement> QmpAsync(string command, object? arguments = null)
    {
        var line = arguments is null
            ? JsonSerializer.Serialize(new { execute = command })
            : JsonSerializer.Serialize(new { execute = command, arguments });
        await _qemu!.StandardInput.WriteLineAsync(line);
        await _qemu.StandardInput.FlushAsync();
        while (await ReadQmpAsync() is { } answer)
        {
            if (answer.TryGetProperty("return", out var result)) return result;
            if (answer.TryGetProperty("error", out var error)) throw new InvalidOperationException($"{command}: {error}");
        }

        throw new InvalidOperationException($"QEMU ended before it answered {command}");
    }

    /// <summary>Reads QMP's events until QEMU is gone.</summary>
    public async Task<IReadOnlyList<string>> EventsUntilExitAsync()
    {
        var events = new List<string>();
        while (await ReadQmpAsync() is { } message)
        {
            if (message.TryGetProperty("event", out var name)) events.Add(name.GetString()!);
        }

        await _qemu!.WaitForExitAsync().WaitAsync(Patience);
        return events;
    }

    public async Task DisposeAsync()
    {
        if (_qemu is not null)
        {
            if (!_qemu.HasExited) _qemu.Kill();
            await _qemu.WaitForExitAsync();
            _qemu.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }

    private async Task<JsonElement?> ReadQmpAsync()
    {
        var line = await _qemu!.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        return line is null ? null : JsonSerializer.Deserialize<JsonElement>(line);
    }
}

/// <summary>The specs that leave their guest as they found it share one.</summary>
[CollectionDefinition(Name)]
public sealed class GuestCollection : ICollectionFixture<BootedGuest>
{
    public const string Name = "booted guest";
}
