using System.Collections;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// Starts a program that outlives us: a session of its own, default signals, /dev/null as input, output to a log, and no
/// other descriptor of ours. QEMU's own -daemonize does not go with its sandbox.
/// </summary>
internal static unsafe class DetachedProcess
{
    /// <summary>The descriptor that a program gets its file as.</summary>
    public const int InheritedFile = 3;

    // Larger than any of glibc's: posix_spawnattr_t has 336 bytes, posix_spawn_file_actions_t 80, sigset_t 128.
    private const int OpaqueSize = 512;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // A setting of the process: whoever starts a program meanwhile would pass it on.
    private static readonly Lock Starting = new();

    /// <summary>Returns the program's pid.</summary>
    /// <param name="file">An open file that it gets as <see cref="InheritedFile"/>; null: none.</param>
    /// <param name="smallPages">It never gets huge pages: less memory for programs that touch little of what they ask for.</param>
    /// <param name="variable">A variable of its environment beside those that we pass on, as NAME=VALUE; null: none.</param>
    /// <exception cref="NotExecutableException">It cannot be executed.</exception>
    /// <exception cref="IOException">The host lacks what it takes.</exception>
    public static int Start(
        string program, IReadOnlyList<string> arguments, string log, SafeHandle? file = null, bool smallPages = false,
        string? variable = null)
    {
        var actions = stackalloc byte[OpaqueSize];
        var attributes = stackalloc byte[OpaqueSize];
        var held = false;
        // While it is held nobody can close it, and its number cannot become another file's.
        file?.DangerousAddRef(ref held);
        Check(Native.SpawnActionsInit(actions), program);
        Check(Native.SpawnAttributesInit(attributes), program);
        try
        {
            const int readOnly = 0, writeCreateTruncateAppend = 1 | 0x40 | 0x200 | 0x400;
            const uint ownerOnly = 0x180;
            Check(Native.SpawnActionsOpen(actions, 0, "/dev/null", readOnly, 0), program);
            Check(Native.SpawnActionsOpen(actions, 1, log, writeCreateTruncateAppend, ownerOnly), program);
            Check(Native.SpawnActionsDup(actions, 1, 2), program);
            if (file is not null) Check(Native.SpawnActionsDup(actions, (int)file.DangerousGetHandle(), InheritedFile), program);
            Check(Native.SpawnActionsCloseFrom(actions, file is null ? InheritedFile : InheritedFile + 1), program);
            DetachSignals(attributes, program);
            lock (Starting)
            {
                using var small = smallPages ? new SmallPages() : null;
                return Spawn(program, arguments, variable, actions, attributes);
            }
        }
        finally
        {
            if (held) file!.DangerousRelease();
            _ = Native.SpawnActionsDestroy(actions);
            _ = Native.SpawnAttributesDestroy(attributes);
        }
    }

    /// <summary>
    /// Ends one that has no owner yet, with all that it has started, and takes its exit. Some seconds are waited at most: longer than that
    /// only one that hangs in the kernel takes.
    /// </summary>
    public static void End(int pid)
    {
        const int byPid = 1, exited = 4, noHang = 1, code = 8;
        var info = stackalloc byte[128];
        // Until its exit is taken, the group is no other.
        _ = Native.Kill(-pid, Native.SIGKILL);
        for (var begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < Patience; Thread.Sleep(1))
        {
            new Span<byte>(info, 128).Clear();
            var failed = Native.WaitId(byPid, (uint)pid, info, exited | noHang) != 0;
            if (failed ? Marshal.GetLastPInvokeError() != Native.EINTR : *(int*)(info + code) != 0) return;
        }
    }

    /// <summary>.NET ignores SIGPIPE, which the program would inherit.</summary>
    private static void DetachSignals(byte* attributes, string program)
    {
        const short setDefault = 0x04, setMask = 0x08, setSession = 0x80;
        var signals = stackalloc byte[OpaqueSize];
        _ = Native.SignalSetEmpty(signals);
        Check(Native.SpawnAttributesMask(attributes, signals), program);
        _ = Native.SignalSetFill(signals);
        Check(Native.SpawnAttributesDefault(attributes, signals), program);
        Check(Native.SpawnAttributesFlags(attributes, setDefault | setMask | setSession), program);
    }

    private static int Spawn(string program, IReadOnlyList<string> arguments, string? variable, byte* actions, byte* attributes)
    {
        using var argv = new StringVector([program, .. arguments]);
        using var environment = new StringVector(ChildEnvironment.Of(
            Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(entry => KeyValuePair.Create((string)entry.Key, (string?)entry.Value ?? "")), variable));
        int pid;
        Check(Native.Spawn(&pid, program, actions, attributes, argv.Pointer, environment.Pointer), program);
        return pid;
    }

    private static void Check(int error, string program)
    {
        if (error == 0) return;
        var message = $"cannot execute {program}: {Marshal.GetPInvokeErrorMessage(error)}";
        if (error == Native.EAGAIN)
            throw new HostLimitException(message, error, "raise the limit of processes (TasksMax=, LimitNPROC=, sysctl kernel.pid_max)");
        throw HostFailures.IsHosts(error) ? new IOException(message, error) : new NotExecutableException(message, error);
    }

    /// <summary>A null-terminated array of C strings.</summary>
    private sealed class StringVector : IDisposable
    {
        private readonly nint[] _strings;

        public StringVector(IEnumerable<string> strings)
        {
            _strings = [.. strings.Select(Allocate)];
            Pointer = (nint*)NativeMemory.Alloc((nuint)_strings.Length + 1, (nuint)sizeof(nint));
            for (var i = 0; i < _strings.Length; i++) Pointer[i] = _strings[i];
            Pointer[_strings.Length] = 0;
        }

        public nint* Pointer { get; }

        public void Dispose()
        {
            foreach (var text in _strings) Marshal.FreeCoTaskMem(text);
            NativeMemory.Free(Pointer);
        }

        private static nint Allocate(string text) => text.Contains('\0', StringComparison.Ordinal)
            ? throw new NotExecutableException("an argument contains a NUL character: " + text.Replace("\0", "\\0", StringComparison.Ordinal))
            : Marshal.StringToCoTaskMemUTF8(text);
    }
}
