namespace VmCacheCluster.Domain;

/// <summary>What a VM that lives can be told to do, whoever holds it; see Ports.IVm and Ports.IGuest.</summary>
public abstract record VmCommand
{
    public sealed record Pause : VmCommand;

    public sealed record Resume : VmCommand;

    /// <param name="File">Absolute, on the host.</param>
    public sealed record Save(string File) : VmCommand;

    public sealed record AddCpus(int Count) : VmCommand;

    public sealed record AddMemory(int Mebibytes) : VmCommand;

    /// <summary>Brings everything that is plugged online in the guest.</summary>
    public sealed record Online : VmCommand;

    public sealed record Reseed : VmCommand;

    public sealed record SetClock : VmCommand;

    public sealed record Assign(SandboxId Sandbox) : VmCommand;

    /// <summary>Lets go of the agent's channel, which takes one client.</summary>
    public sealed record Disconnect : VmCommand;
}

/// <summary>When a VM can be told to do something: total and pure.</summary>
public static class VmCommands
{
    /// <summary>Why not now; null when it can.</summary>
    public static string? Refusal(VmLife life, VmCommand command) => (life, command) switch
    {
        ({ Phase: VmPhase.Leased, Path: HandOutPath.V1 }, _) => null,
        ({ Phase: VmPhase.Leased }, _) => "its holder controls it",
        ({ Pooled: true }, _) => "it is warm, and must stay as it is for whoever gets it",
        _ => $"it is {life.Phase.ToString().ToLowerInvariant()}",
    };
}
