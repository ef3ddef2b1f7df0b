using System.Globalization;

namespace VmCacheCluster.Qmp;

/// <summary>Everything that can go wrong with a monitor.</summary>
public abstract class QmpException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>QEMU refused a command. The connection goes on.</summary>
/// <param name="command">The command, such as "stop".</param>
/// <param name="errorClass">QMP's error class ("GenericError", "CommandNotFound", "DeviceNotFound", ...).</param>
/// <param name="desc">QEMU's own words.</param>
public sealed class QmpCommandException(string command, string errorClass, string desc)
    : QmpException($"QEMU refused '{command}': {desc} ({errorClass})")
{
    public string Command { get; } = command;

    public string Class { get; } = errorClass;

    public string Desc { get; } = desc;
}

/// <summary>No answer came in time. The connection goes on: the late answer is counted and dropped.</summary>
public sealed class QmpTimeoutException : QmpException
{
    private QmpTimeoutException(string what, TimeSpan deadline, string message) : base(message) => (What, Deadline) = (what, deadline);

    /// <summary>The command, or "greeting".</summary>
    public string What { get; }

    public TimeSpan Deadline { get; }

    internal static QmpTimeoutException Command(string command, TimeSpan deadline) =>
        new(command, deadline, $"QEMU did not answer '{command}' within {Seconds(deadline)}");

    internal static QmpTimeoutException Greeting(string path, TimeSpan deadline) =>
        new("greeting", deadline,
            $"{path} accepted the connection and sent no QMP greeting within {Seconds(deadline)}: the monitor is occupied by another client, or hung");

    private static string Seconds(TimeSpan span) => span.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture) + " s";
}

/// <summary>There is no connection (any more).</summary>
public sealed class QmpDisconnectedException(string message, Exception? inner = null) : QmpException(message, inner);
