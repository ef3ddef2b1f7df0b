namespace VmCacheCluster.Cli;

/// <summary>The CLI's exit statuses. Scripts rely on them: numbers are only ever added.</summary>
internal static class ExitCode
{
    internal const int Ok = 0;
    internal const int Failed = 1;
    internal const int Usage = 2;
    internal const int NotReachable = 3;
    internal const int NotFound = 4;
    internal const int ExhaustedOrTimeout = 5;
    internal const int WrongState = 6;

    /// <summary>Of <c>exec</c>: its command's time limit was reached, as timeout(1) has it.</summary>
    internal const int CommandTimedOut = 124;

    /// <summary>Of <c>exec</c>: vmcache failed, not the command. Below it are statuses that the command itself may have.</summary>
    internal const int ExecFailed = 125;

    /// <summary>Of <c>exec</c>: the program was found but cannot be run, as env(1) has it.</summary>
    internal const int CommandNotExecutable = 126;

    /// <summary>Of <c>exec</c>: there is no such program in the guest, as env(1) has it.</summary>
    internal const int CommandNotFound = 127;

    /// <summary>Ended by Ctrl-C: 128 + SIGINT.</summary>
    internal const int Interrupted = 130;

    /// <summary>Nobody reads the output any more: 128 + SIGPIPE, as a program ends that the signal ends.</summary>
    internal const int BrokenPipe = 141;

    internal const string Help =
        "Exit status: 0 ok, 1 failed, 2 wrong usage, 3 vmcached not reachable, 4 no such VM, 5 no VM to be had or no answer "
        + "in time, 6 the VM's state does not allow it, 130 interrupted. 'exec' exits with its command's status: 124 time limit, "
        + "125 vmcache itself failed, 126 cannot be run, 127 not found, 128+n killed by signal n.";
}
