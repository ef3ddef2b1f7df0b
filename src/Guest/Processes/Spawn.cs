using VmCacheCluster.Agent;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Processes;

/// <summary>Starts a program in a session of its own. By posix_spawn: after a fork nothing of the .NET runtime would work
/// in the child, while this runs only the C library's code there, and tells why it failed.</summary>
internal static unsafe class Spawn
{
    // Generous: glibc's are 336, 80 and 128 bytes long.
    private const int AttributesSize = 512, ActionsSize = 256, SignalSetSize = 128;

    /// <returns>The number of the process, which is its process group's too.</returns>
    /// <exception cref="TtrpcStatusException">The kernel refuses to run the file; the message says why.</exception>
    public static int Run(ProgramStart start, Pipes pipes)
    {
        var attributes = stackalloc byte[AttributesSize];
        var actions = stackalloc byte[ActionsSize];
        var signals = stackalloc byte[SignalSetSize];
        using var arguments = new NativeStrings(start.Arguments);
        using var environment = new NativeStrings(start.Environment);
        using var paths = new NativeStrings([start.File, start.WorkingDirectory]);
        Check(Libc.posix_spawnattr_init(attributes));
        Check(Libc.posix_spawn_file_actions_init(actions));
        try
        {
            // The runtime ignores and blocks signals of its own choice; both would be inherited.
            _ = Libc.sigemptyset(signals);
            Check(Libc.posix_spawnattr_setsigmask(attributes, signals));
            // All 64, by hand: sigfillset leaves out glibc's own 32 and 33, which posix_spawn then has the program ignore.
            new Span<byte>(signals, SignalSetSize).Fill(0xFF);
            Check(Libc.posix_spawnattr_setsigdefault(attributes, signals));
            Check(Libc.posix_spawnattr_setflags(
                attributes, Linux.POSIX_SPAWN_SETSID | Linux.POSIX_SPAWN_SETSIGMASK | Linux.POSIX_SPAWN_SETSIGDEF));
            Check(Libc.posix_spawn_file_actions_adddup2(actions, pipes.TheirStdin, 0));
            Check(Libc.posix_spawn_file_actions_adddup2(actions, pipes.TheirStdout, 1));
            Check(Libc.posix_spawn_file_actions_adddup2(actions, pipes.TheirStderr, 2));
            Check(Libc.posix_spawn_file_actions_addchdir_np(actions, paths.Pointer[1]));
            int process;
            var fault = Libc.posix_spawn(&process, paths.Pointer[0], actions, attributes, arguments.Pointer, environment.Pointer);
            return fault == 0 ? process : throw Refusal(start.File, fault);
        }
        finally
        {
            _ = Libc.posix_spawnattr_destroy(attributes);
            _ = Libc.posix_spawn_file_actions_destroy(actions);
        }
    }

    private static TtrpcStatusException Refusal(string file, int errno)
    {
        var code = errno switch
        {
            Linux.ENOENT => TtrpcStatusCode.NotFound,
            Linux.EACCES => TtrpcStatusCode.PermissionDenied,
            Linux.ENOEXEC => TtrpcStatusCode.FailedPrecondition,
            Linux.E2BIG => TtrpcStatusCode.InvalidArgument,
            _ => TtrpcStatusCode.ResourceExhausted,
        };
        var hint = errno == Linux.ENOENT ? " (its interpreter or loader is missing)" : "";
        return new TtrpcStatusException(code, new LinuxException($"cannot run '{file}'{hint}", errno).Message);
    }

    private static void Check(int fault)
    {
        if (fault != 0) throw new LinuxException("cannot prepare to start a program", fault);
    }
}
