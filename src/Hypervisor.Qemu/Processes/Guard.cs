using System.Globalization;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// Ends a program at its deadline also when there is no daemon any more: coreutils' timeout is its parent, and is gone when the program is.
/// When that is killed, the kernel kills the program too, as util-linux's setpriv has asked it to: nobody would be left to end it.
/// </summary>
internal static class Guard
{
    /// <summary>Finds the programs as a shell would.</summary>
    public const string Program = "/usr/bin/env";

    /// <summary>
    /// What <see cref="Program"/> is given. It ends as the guarded program does, and with status 137 at the deadline. In the foreground it kills
    /// that alone, and not itself before it.
    /// </summary>
    /// <param name="command">Begins with a setpriv that asks for SIGKILL when its parent ends.</param>
    public static IReadOnlyList<string> Arguments(IReadOnlyList<string> command, TimeSpan lifetime) =>
        ["timeout", "--foreground", "--signal=KILL", string.Create(CultureInfo.InvariantCulture, $"{lifetime.TotalSeconds:0.###}s"), .. command];
}
