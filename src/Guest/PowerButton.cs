using System.Buffers.Binary;
using VmCacheCluster.Guest.Port;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest;

/// <summary>The machine's ACPI power button, which QEMU presses on system_powerdown.</summary>
internal static class PowerButton
{
    private const string Inputs = "/sys/class/input";

    // struct input_event: a time of 16 bytes, then type and code of 2 bytes each and the value.
    private const int EventLength = 24;
    private const int KeyPress = 1, PowerKey = 116;

    /// <summary>Returns when the button was pressed; never on a machine that has none.</summary>
    public static async Task PressedAsync(Reactor reactor)
    {
        if (Find() is not { } device)
        {
            await Task.Delay(Timeout.Infinite).ConfigureAwait(false);
            return;
        }

        var descriptor = Descriptor.Open(device, Linux.O_RDONLY | Linux.O_NONBLOCK);
        var readiness = reactor.Watch(descriptor);
        var buffer = new byte[EventLength];
        while (true)
        {
            if (Descriptor.Read(descriptor, buffer) is not { } count)
                await readiness.ReadableAsync(CancellationToken.None).ConfigureAwait(false);
            else if (count == EventLength && IsPowerKey(buffer))
                return;
        }
    }

    private static bool IsPowerKey(ReadOnlySpan<byte> input) =>
        BinaryPrimitives.ReadUInt16LittleEndian(input[16..]) == KeyPress
        && BinaryPrimitives.ReadUInt16LittleEndian(input[18..]) == PowerKey
        && BinaryPrimitives.ReadInt32LittleEndian(input[20..]) != 0;

    private static string? Find()
    {
        if (!Directory.Exists(Inputs)) return null;
        foreach (var input in Directory.GetDirectories(Inputs, "event*"))
        {
            if (Descriptor.ReadSmallFile(input + "/device/name") == "Power Button") return "/dev/input/" + Path.GetFileName(input);
        }

        return null;
    }
}
