using System.Collections;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// Starts a program that outlives us: a session of its own, default signals, /dev/null as input, output to a log, and no
/// other descriptor of ours. QEMU's own -daemonize does not go with its sandbox.
/// </summary>
internal static unsafe class DetachedProcess
{
    private const int FirstGiven = 3;

    /// <summary>Ours have larger numbers than the program's, so that none is overwritten before it is given.</summary>
    private const int FirstOurs = 64;

    private const int DuplicateCloseOnExec = 1030;

    // Larger than any of glibc's: posix_spawnattr_t has 336 bytes, posix_spawn_file_actions_t 80, sigset_t 128.
    private const int OpaqueSize = 512;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // A setting of the process: whoever starts a program meanwhile would pass it on.
    private static readonly Lock Starting = new();

    /// <summary>Returns the program's pid.</summary>
    /// <exception cref="NotExecutableException">It cannot be executed.</exception>
    /// <exception cref="IOException">The host lacks what it takes.</exception>
    public static int Start(ProgramStart start)
    {
        var program = start.Program;
        var actions = stackalloc byte[OpaqueSize];
        var attributes = stackalloc byte[OpaqueSize];
        Check(Native.SpawnActionsInit(actions), program);
        Check(Native.SpawnAttributesInit(attributes), program);
        List<SafeFileHandle> given = [];
        try
        {
            Check(Native.SpawnActionsOpen(actions, 0, "/dev/null", Native.O_RDONLY, 0), program);
            // Opened here: where the program runs, nothing may be written.
            given.Add(OpenLog(start.Log));
            Check(Native.SpawnActionsDup(actions, (int)given[^1].DangerousGetHandle(), 1), program);
            Check(Native.SpawnActionsDup(actions, 1, 2), program);
            Give(actions, start, given);
            // A program may read what is below its directory, whoever may not get there.
            Check(Native.SpawnActionsChangeDirectory(actions, "/"), program);
            DetachSignals(attributes, program);
            var (action, attribute) = ((nint)actions, (nint)attributes);
            lock (Starting)
            {
                using var small = start.SmallPages ? new SmallPages() : null;
                return start.Confinement is { } confinement
                    ? confinement.Run(!start.IsWrapper, () => Spawn(start, (byte*)action, (byte*)attribute))
                    : Spawn(start, actions, attributes);
            }
        }
        finally
        {
            given.ForEach(file => file.Dispose());
            _ = Native.SpawnActionsDestroy(actions);
            _ = Native.SpawnAttributesDestroy(attributes);
        }
    }

    /// <summary>All that are not given are closed.</summary>
    /// <param name="given">Gets what has to be closed after the start.</param>
    private static void Give(byte* actions, ProgramStart start, List<SafeFileHandle> given)
    {
        var next = FirstGiven;
        var ours = start.Files.Select(f => f.Number + 1).Append(FirstOurs).Max();
        foreach (var (number, file) in start.Files.OrderBy(f => f.Number))
        {
            for (; next < number; next++) Check(Native.SpawnActionsClose(actions, next), start.Program);
            given.Add(Duplicate(file, ours));
            Check(Native.SpawnActionsDup(actions, (int)given[^1].DangerousGetHandle(), number), start.Program);
            next = number + 1;
        }

        Check(Native.SpawnActionsCloseFrom(actions, next), start.Program);
    }

    private static SafeFileHandle OpenLog(string path)
    {
        const int writeCreateTruncateAppend = 1 | 0x40 | 0x200 | 0x400, ownerOnly = 0x180;
        var log = new SafeFileHandle(Native.OpenNew(path, writeCreateTruncateAppend | Native.O_CLOEXEC, ownerOnly), ownsHandle: true);
        return log.IsInvalid ? throw Refused($"cannot open {path}", Marshal.GetLastPInvokeError()) : log;
    }

    private static SafeFileHandle Duplicate(SafeHandle file, int atLeast)
    {
        var held = false;
        // While it is held nobody can close it, and its number cannot become another file's.
        file.DangerousAddRef(ref held);
        try
        {
            var copy = Native.FileControl((int)file.DangerousGetHandle(), DuplicateCloseOnExec, atLeast);
            return copy < 0 ? throw Refused("a descriptor cannot be given", Marshal.GetLastPInvokeError()) : new SafeFileHandle(copy, ownsHandle: true);
        }
        finally
        {
            file.DangerousRelease();
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

    private static int Spawn(ProgramStart start, byte* actions, byte* attributes)
    {
        using var argv = new StringVector([start.Program, .. start.Arguments]);
        var own = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Select(entry => KeyValuePair.Create((string)entry.Key, (string?)entry.Value ?? ""));
        using var environment = new StringVector(ChildEnvironment.Of(own, start.Variables));
        int pid;
        Check(Native.Spawn(&pid, start.Program, actions, attributes, argv.Pointer, environment.Pointer), start.Program);
        return pid;
    }

    private static IOException Refused(string what, int error) => new($"{what}: {Marshal.GetPInvokeErrorMessage(error)}", error);

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
