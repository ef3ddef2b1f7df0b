using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// Landlock rules that let a thread, and all that it starts, write to some devices and to what is open already, and to nothing else that has a
/// name. What may be read is a matter of the file's mode.
/// </summary>
internal static unsafe class WriteRules
{
    private const nint CreateRuleset = 444, AddRule = 445, RestrictSelf = 446;
    private const nint VersionOnly = 1, PathBeneath = 1;
    private const int OpenPath = 0x200000;

    /// <summary>To write a file, and to make and remove one of any kind.</summary>
    private const ulong WriteFile = 1 << 1, FirstKinds = WriteFile | 0x1FF0;

    /// <summary>What later versions know: to move a file to another directory, and to cut one short.</summary>
    private const ulong Refer = 1 << 13, Truncate = 1 << 14;

    /// <summary>To control a device that was opened, if only to read.</summary>
    private const ulong ControlDevice = 1 << 15;

    public static bool AreKnown => Version() > 0;

    /// <summary>To the calling thread, for good; where the kernel knows none, nothing changes.</summary>
    /// <param name="writable">What may be written; one that is not there is passed over.</param>
    /// <exception cref="IOException">The kernel refuses it.</exception>
    public static void Apply(IReadOnlyList<string> writable)
    {
        var version = Version();
        if (version < 1) return;
        var handled = FirstKinds | (version >= 2 ? Refer : 0) | (version >= 3 ? Truncate : 0) | (version >= 5 ? ControlDevice : 0);
        using var rules = new SafeFileHandle(Native.Syscall(CreateRuleset, (nint)(&handled), sizeof(ulong), 0, 0), ownsHandle: true);
        if (rules.IsInvalid) throw Refused();
        foreach (var path in writable) Allow(rules, path, handled & (WriteFile | ControlDevice));
        // The kernel asks for it, of all but root.
        _ = Native.ProcessControl(Native.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (Native.Syscall(RestrictSelf, rules.DangerousGetHandle(), 0, 0, 0) != 0) throw Refused();
    }

    private static nint Version() => Native.Syscall(CreateRuleset, 0, 0, VersionOnly, 0);

    private static void Allow(SafeFileHandle rules, string path, ulong rights)
    {
        using var opened = new SafeFileHandle(Native.Open(path, OpenPath | Native.O_CLOEXEC), ownsHandle: true);
        if (opened.IsInvalid) return;
        // struct landlock_path_beneath_attr is packed: 8 bytes of rights, 4 of descriptor.
        var rule = stackalloc byte[12];
        *(ulong*)rule = rights;
        *(int*)(rule + sizeof(ulong)) = (int)opened.DangerousGetHandle();
        if (Native.Syscall(AddRule, rules.DangerousGetHandle(), PathBeneath, (nint)rule, 0) != 0) throw Refused();
    }

    private static IOException Refused()
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"what a VM may write cannot be restricted (Landlock): {new Win32Exception(error).Message}", error);
    }
}
