using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>The monitor that is ours for the VM's whole life; its failures are <see cref="VmFailedException"/>.</summary>
internal sealed class SupervisorMonitor(QmpClient qmp) : IAsyncDisposable
{
    private readonly SemaphoreSlim _reading = new(1, 1);
    private byte[] _console = [];

    public QmpClient Qmp => qmp;

    public bool IsOpen => !qmp.Closed.IsCompleted;

    /// <param name="greeting">How long it may take to greet; null: the usual time.</param>
    public static async Task<SupervisorMonitor> ConnectAsync(string path, TimeSpan commandDeadline, CancellationToken cancel, TimeSpan? greeting = null)
    {
        try
        {
            var options = new QmpOptions { CommandDeadline = commandDeadline, GreetingDeadline = greeting ?? QmpOptions.Default.GreetingDeadline };
            return new SupervisorMonitor(await QmpClient.ConnectUnixAsync(path, options, cancel).ConfigureAwait(false));
        }
        catch (QmpException fault)
        {
            throw Failed(fault);
        }
    }

    public async Task<JsonElement> ExecuteAsync(
        string command, Action<Utf8JsonWriter>? arguments, CancellationToken cancel, TimeSpan? deadline = null)
    {
        try
        {
            return await qmp.ExecuteAsync(command, arguments, cancel, deadline).ConfigureAwait(false);
        }
        catch (QmpException fault)
        {
            throw Failed(fault);
        }
    }

    public async Task GiveFileAsync(string name, SafeFileHandle file, CancellationToken cancel)
    {
        try
        {
            await qmp.GiveFileAsync(name, file, cancel).ConfigureAwait(false);
        }
        catch (QmpException fault)
        {
            throw Failed(fault);
        }
    }

    /// <summary>What became of the last migration, and QEMU's words when it failed; "none" when there was none.</summary>
    public async Task<(string Status, string Error)> MigrationAsync(CancellationToken cancel)
    {
        var answer = await ExecuteAsync("query-migrate", null, cancel).ConfigureAwait(false);
        return (Text(answer, "status") ?? "none", Text(answer, "error-desc") ?? "");
    }

    /// <summary>vCPUs and memory as QEMU has them.</summary>
    public async Task<VmSize> SizeAsync(CancellationToken cancel)
    {
        var cpus = ExecuteAsync("query-hotpluggable-cpus", null, cancel);
        var memory = await ExecuteAsync("query-memory-size-summary", null, cancel).ConfigureAwait(false);
        var bytes = memory.GetProperty("base-memory").GetInt64() + memory.GetProperty("plugged-memory").GetInt64();
        return new VmSize((await cpus.ConfigureAwait(false)).EnumerateArray().Count(IsTaken), (int)(bytes / (1024 * 1024)));
    }

    /// <summary>Whether a place of query-hotpluggable-cpus has a vCPU in it.</summary>
    private static bool IsTaken(JsonElement place) => place.TryGetProperty("qom-path", out _);

    /// <summary>"running", "paused", "shutdown", ...</summary>
    public async Task<string> StatusAsync(CancellationToken cancel, TimeSpan? deadline = null)
    {
        var answer = await ExecuteAsync("query-status", null, cancel, deadline).ConfigureAwait(false);
        return Text(answer, "status") ?? "unknown";
    }

    /// <summary>The guest's last serial output. QEMU gives every byte once, so what was read is kept here.</summary>
    public async Task<string> ReadConsoleAsync(CancellationToken cancel)
    {
        await _reading.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var answer = await ExecuteAsync("ringbuf-read", static json =>
            {
                json.WriteString("device", QemuCommandLine.SerialRing);
                json.WriteNumber("size", QemuCommandLine.SerialRingBytes);
                // A guest may write any bytes, which the text format does not survive.
                json.WriteString("format", "base64");
            }, cancel).ConfigureAwait(false);
            if (answer.ValueKind == JsonValueKind.String && answer.TryGetBytesFromBase64(out var fresh))
                _console = [.. _console.AsSpan(Math.Max(0, Math.Min(_console.Length, _console.Length + fresh.Length - QemuCommandLine.SerialRingBytes))), .. fresh];
            return Encoding.UTF8.GetString(_console);
        }
        finally
        {
            _reading.Release();
        }
    }

    public ValueTask DisposeAsync() => qmp.DisposeAsync();

    private static string? Text(JsonElement answer, string member) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static VmFailedException Failed(QmpException fault) => new(new VmFailure(VmFailureKind.Monitor, fault.Message), fault);
}
