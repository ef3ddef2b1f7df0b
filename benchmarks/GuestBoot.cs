// Boots the same kernel by turns with an init that does nothing and with the embedded guest, and prints the medians and
// their ratio. Run by guest-boot.sh: KERNEL NOTHING-INITRD GUEST-INITRD WORK-DIRECTORY PAIRS KERNEL-PARAMETERS
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

var (kernel, nothing, guest, work, pairs, parameters) =
    (args[0], args[1], args[2], args[3], int.Parse(args[4], CultureInfo.InvariantCulture), args[5]);
var floor = new List<Figure>();
var agent = new List<Figure>();
for (var i = 0; i < pairs; i++)
{
    floor.Add(await MeasureAsync(nothing, UntilInitSpeaksAsync));
    agent.Add(await MeasureAsync(guest, (_, socket) => UntilAgentAnswersAsync(socket)));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pair {i + 1}: init that does nothing {floor[^1]}, agent answers {agent[^1]}"));
}

var (time, bare) = (Median(agent, f => f.Seconds), Median(floor, f => f.Seconds));
Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture, $"medians of {pairs}: {bare:0.00} s and {time:0.00} s, ratio {time / bare:0.00} (promised: at most 1.20)"));
// A busy host stretches the one more than the other; QEMU's CPU time says what the guest does.
var (agentCpu, floorCpu) = (Median(agent, f => f.Cpu), Median(floor, f => f.Cpu));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"in CPU time of QEMU: {floorCpu:0.00} s and {agentCpu:0.00} s, ratio {agentCpu / floorCpu:0.00}"));

async Task<Figure> MeasureAsync(string initrd, Func<Process, string, Task> reached)
{
    var socket = Path.Combine(work, "agent.sock");
    File.Delete(socket);
    string[] arguments =
    [
        "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "256M", "-smp", "1", "-nodefaults", "-no-user-config",
        "-display", "none", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", parameters, "-serial", "stdio",
        "-device", "virtio-serial-pci", "-chardev", $"socket,id=agent,path={socket},server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=agent.channel.0", "-device", "virtio-rng-pci", "-device", "pvpanic-pci",
    ];
    var start = new ProcessStartInfo("qemu-system-x86_64", arguments) { RedirectStandardOutput = true, RedirectStandardInput = true };
    var clock = Stopwatch.StartNew();
    using var qemu = Process.Start(start)!;
    try
    {
        await reached(qemu, socket).WaitAsync(TimeSpan.FromMinutes(2));
        return new Figure(clock.Elapsed.TotalSeconds, qemu.TotalProcessorTime.TotalSeconds);
    }
    finally
    {
        qemu.Kill();
        await qemu.WaitForExitAsync();
    }
}

static async Task UntilInitSpeaksAsync(Process qemu, string socket)
{
    while (await qemu.StandardOutput.ReadLineAsync() is { } line)
    {
        if (line.Contains("INIT REACHED", StringComparison.Ordinal)) return;
    }

    throw new InvalidOperationException("QEMU ended before init was reached");
}

static async Task UntilAgentAnswersAsync(string path)
{
    using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    while (true)
    {
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
            break;
        }
        catch (SocketException)
        {
            await Task.Delay(1); // QEMU has not made it yet
        }
    }

    // A ttRPC request of stream 1 for grpc.Health/Check; it waits in the socket until the guest has opened its port.
    byte[] request = [0, 0, 0, 20, 0, 0, 0, 1, 1, 1, 0x0A, 11, .. "grpc.Health"u8, 0x12, 5, .. "Check"u8];
    await socket.SendAsync(request);
    if (await socket.ReceiveAsync(new byte[64]) == 0) throw new InvalidOperationException("QEMU ended before the agent answered");
}

static double Median(List<Figure> figures, Func<Figure, double> of) => figures.Select(of).Order().ElementAt(figures.Count / 2);

internal sealed record Figure(double Seconds, double Cpu)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Seconds:0.00} s (CPU {Cpu:0.00})");
}
