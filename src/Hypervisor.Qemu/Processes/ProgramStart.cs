using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>A program to start.</summary>
/// <param name="Log">The file that gets its output; one that is there is emptied.</param>
internal sealed record ProgramStart(string Program, IReadOnlyList<string> Arguments, string Log)
{
    /// <summary>What it gets open beside input and output.</summary>
    public IReadOnlyList<GivenDescriptor> Files { get; init; } = [];

    /// <summary>It never gets huge pages: less memory for programs that touch little of what they ask for. See <see cref="Processes.SmallPages"/>.</summary>
    public bool SmallPages { get; init; }

    public VmPriority Priority { get; init; } = VmPriority.Normal;

    /// <summary>setpriv with the arguments that take from the program what it does not need; none: it has all that we have.</summary>
    public IReadOnlyList<string> RunAs { get; init; } = [];

    /// <summary>The program prepares for the one that it becomes, as ourselves: it gets <see cref="RunAs"/> as <see cref="RunAsVariable"/>, to begin
    /// that one's command with.</summary>
    public bool IsWrapper { get; init; }

    /// <summary>Where it runs; null: where we do.</summary>
    public Confinement? Confinement { get; init; }

    /// <summary>Variables of its environment beside those that we pass on, each as NAME=VALUE.</summary>
    public IReadOnlyList<string> Variables { get; init; } = [];

    public const string RunAsVariable = "VMCACHE_RUN_AS";

    /// <summary>What is executed.</summary>
    public ProgramStart Direct() =>
        IsWrapper ? this with { Variables = [.. Variables, $"{RunAsVariable}={string.Join(' ', RunAs)}"] }
        : RunAs.Count > 0 ? this with { Program = RunAs[0], Arguments = [.. RunAs.Skip(1), Program, .. Arguments] }
        : this;

    /// <summary>The same behind a <see cref="Guard"/>.</summary>
    public ProgramStart Guarded(TimeSpan lifetime)
    {
        // The kernel forgets it when a program becomes another user.
        IReadOnlyList<string> ends = ["--pdeathsig", "KILL"], runAs = RunAs.Count > 0 ? [.. RunAs, .. ends] : [];
        var words = runAs.Count > 0 && !IsWrapper ? runAs : ["setpriv", .. ends];
        var guard = this with { Program = Guard.Program, Arguments = Guard.Arguments([.. words, Program, .. Arguments], lifetime), RunAs = [] };
        return IsWrapper ? guard with { Variables = [.. Variables, $"{RunAsVariable}={string.Join(' ', runAs)}"] } : guard;
    }
}
