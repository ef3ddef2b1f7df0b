namespace VmCacheCluster.Domain.Ports;

/// <summary>
/// The guest of a running VM, through its agent. It holds the agent's channel, which takes one client, until it is
/// disposed. Failures are <see cref="VmFailedException"/>.
/// </summary>
public interface IGuest : IAsyncDisposable
{
    /// <summary>False: the channel broke, and every call fails from then on.</summary>
    bool IsOpen { get; }

    Task<GuestFacts> DescribeAsync(CancellationToken cancel);

    /// <summary>Brings plugged vCPUs and memory online; returns when the guest has <paramref name="cpus"/> vCPUs.</summary>
    /// <param name="cpus">0: as many as it has.</param>
    Task OnlineAsync(int cpus, CancellationToken cancel);

    /// <summary>Gives the guest 512 bytes of the host's entropy and has it reseed its random number generator.</summary>
    Task ReseedAsync(CancellationToken cancel);

    /// <summary>Sets the guest's wall clock to the host's.</summary>
    Task SetClockAsync(CancellationToken cancel);

    /// <summary>
    /// Makes the guest somebody's own: reseeded, clock set, identity and late binding in place. An agent that cannot take
    /// these, or a guest that finds something wrong with them, fails as <see cref="VmFailureKind.Configuration"/>.
    /// </summary>
    Task PrepareAsync(GuestPreparation preparation, CancellationToken cancel);

    Task<IGuestProgram> ExecAsync(GuestCommand command, CancellationToken cancel);
}

/// <param name="MemoryBlockMiB">Memory comes and goes in multiples of this, in MiB.</param>
/// <param name="Preparable">It takes identity, late binding and programs.</param>
/// <param name="AvailableMiB">Memory that it could use for something else; null: its agent does not say.</param>
public sealed record GuestFacts(string AgentVersion, int MemoryBlockMiB, bool Preparable, int? AvailableMiB = null);

/// <param name="MachineId">/etc/machine-id: 32 lower-case hexadecimal digits.</param>
public sealed record GuestIdentity(string MachineId, string Hostname);

/// <param name="Path">Absolute, in the guest.</param>
/// <param name="Mode">Permission bits.</param>
public sealed record GuestFile(string Path, int Mode, ReadOnlyMemory<byte> Content);

/// <summary>What a holder wants in its guest.</summary>
/// <param name="Hostname">Empty: one is made from the VM's id.</param>
/// <param name="Environment">Given to every program that is run later.</param>
public sealed record LateBinding(string Hostname, IReadOnlyDictionary<string, string> Environment, IReadOnlyList<GuestFile> Files)
{
    public static readonly LateBinding None = new("", new Dictionary<string, string>(), []);
}

public sealed record GuestPreparation(GuestIdentity Identity, LateBinding Binding);

/// <param name="Args">The program, looked up in the guest's PATH, and its arguments.</param>
/// <param name="WorkingDirectory">Empty: "/".</param>
/// <param name="Limit">When it is killed; null: never.</param>
public sealed record GuestCommand(
    IReadOnlyList<string> Args, IReadOnlyDictionary<string, string> Environment, string WorkingDirectory, TimeSpan? Limit);

/// <summary>A program that runs in a guest; disposing it kills it.</summary>
public interface IGuestProgram : IAsyncDisposable
{
    Task WriteStdinAsync(ReadOnlyMemory<byte> data, CancellationToken cancel);

    Task CloseStdinAsync(CancellationToken cancel);

    /// <summary>Its output as it comes; <see cref="GuestOutput.Exited"/> is the last. Read once.</summary>
    IAsyncEnumerable<GuestOutput> ReadOutputAsync(CancellationToken cancel);
}

public abstract record GuestOutput
{
    public sealed record Stdout(ReadOnlyMemory<byte> Data) : GuestOutput;

    public sealed record Stderr(ReadOnlyMemory<byte> Data) : GuestOutput;

    /// <param name="Status">Exit status; 128 and the signal when it was killed by one.</param>
    /// <param name="Signal">0 unless it was killed by one.</param>
    /// <param name="TimedOut">It was killed for its limit.</param>
    public sealed record Exited(int Status, int Signal, bool TimedOut) : GuestOutput;
}
