using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>The process from its sockets to its end.</summary>
internal static class FakeProcess
{
    private static readonly TimeSpan FarewellPatience = TimeSpan.FromSeconds(1);

    /// <returns>The exit status.</returns>
    /// <exception cref="UsageException">A socket or the pid file cannot be made.</exception>
    public static async Task<int> RunAsync(CommandLine line, Directives directives)
    {
        var machine = new Machine(line, directives);
        var commands = new QmpCommands(line, directives, machine);
        var agent = new GuestAgent(machine, directives);
        var monitors = line.Monitors.Select(c => (Monitor: new QmpMonitor(machine, commands, directives), Socket: Sockets.Listen(c))).ToArray();
        var agentSocket = line.Agent is { Kind: "socket" } port ? Sockets.Listen(port) : null;
        var mute = line.MuteSockets.Select(Sockets.Listen).ToArray();
        WritePidFile(line.PidFile);
        using var terminate = OnSignal(PosixSignal.SIGTERM, machine, directives);
        using var interrupt = OnSignal(PosixSignal.SIGINT, machine, directives);

        machine.Start();
        foreach (var (monitor, socket) in monitors) Serve(socket, monitor.ServeAsync);
        if (agentSocket is not null) Serve(agentSocket, agent.ServeAsync);
        foreach (var socket in mute) Serve(socket, Sockets.SwallowAsync);

        var status = await machine.Exit;
        // A client that reads nothing must not keep the process.
        await Task.WhenAny(Task.WhenAll(monitors.Select(m => m.Monitor.FlushAsync())), Task.Delay(FarewellPatience));
        foreach (var chardev in line.Chardevs.Where(c => c is { Kind: "socket", Path: not null })) File.Delete(chardev.Path!);
        if (line.PidFile is { } pidFile) File.Delete(pidFile);
        return status;
    }

    private static void Serve(Socket listener, Func<NetworkStream, Task> serve) =>
        _ = Sockets.ServeAsync(listener, serve).ContinueWith(
            failed =>
            {
                Console.Error.WriteLine($"fake-qemu: {failed.Exception}");
                Environment.Exit(3);
            },
            TaskContinuationOptions.OnlyOnFaulted);

    private static PosixSignalRegistration OnSignal(PosixSignal signal, Machine machine, Directives directives) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            if (directives.IgnoreSigterm && signal == PosixSignal.SIGTERM) return;
            Console.Error.WriteLine($"qemu-system-x86_64: terminating on signal {(signal == PosixSignal.SIGTERM ? 15 : 2)}");
            machine.Quit("host-signal");
        });

    private static void WritePidFile(string? path)
    {
        if (path is null) return;
        try
        {
            File.WriteAllText(path, $"{Environment.ProcessId}\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"cannot create PID file: Cannot open pid file: {e.Message}");
        }
    }
}
