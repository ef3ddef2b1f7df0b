namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>
/// A host that has /dev/kvm, whether this one does or not: a mount namespace with a /dev of its own, in which it is an empty file. What runs there
/// is given a QEMU that does not open it.
/// </summary>
internal static class KvmStandIn
{
    private const string Script = """
        set -e
        dev=$1 present=$2
        shift 2
        mkdir "$dev"
        mount -t tmpfs -o mode=755 tmpfs "$dev"
        for name in null zero full random urandom tty; do : >"$dev/$name"; mount --bind "/dev/$name" "$dev/$name"; done
        mkdir "$dev/shm"
        mount --bind /dev/shm "$dev/shm"
        [ "$present" = False ] || { : >"$dev/kvm"; chmod 666 "$dev/kvm"; }
        mount --rbind "$dev" /dev
        exec "$@"
        """;

    /// <summary>What comes before a program and its arguments; its pid is that of the process that is started.</summary>
    /// <param name="dev">A directory that is not there yet.</param>
    /// <param name="present">False: there is no /dev/kvm yet.</param>
    public static IReadOnlyList<string> Before(string dev, bool present = true) => ["unshare", "--mount", "sh", "-c", Script, "sh", dev, $"{present}"];

    /// <summary>The host's /dev/kvm appears.</summary>
    /// <param name="pid">Of a program that was started so.</param>
    public static void Appear(int pid)
    {
        var device = $"/proc/{pid}/root/dev/kvm";
        File.WriteAllText(device, "");
        File.SetUnixFileMode(device, (UnixFileMode)0b110_110_110);
    }

    /// <returns>Why there can be none here; null: there can.</returns>
    public static Task<string?> WhyNotAsync() => HostTool.RunAsync("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt");
}
