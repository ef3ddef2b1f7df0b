using System.Globalization;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Users;

/// <summary>Who VMs run as: each VM has a user that no other process of the host has. Safe for use by many threads.</summary>
/// <param name="setPriv">util-linux's setpriv.</param>
public sealed class VmUsers(UserRange range, string setPriv, string kvmDevice = "/dev/kvm") : IDisposable
{
    private const int Guesses = 64;
    private const string NoNewPrivileges = "--no-new-privs";

    private readonly Lock _gate = new();
    private readonly HashSet<uint> _taken = [];

    public UserRange Range => range;

    /// <summary>What the host does not do to keep VMs apart, for a person.</summary>
    public IReadOnlyList<string> Problems => Confinement.Problems;

    /// <summary>Where they run.</summary>
    internal Confinement Confinement { get; } = Confinement.Create(kvmDevice, "/dev/null");

    /// <summary>Takes a user. At random: another daemon of this host may have the same range.</summary>
    /// <exception cref="VmFailedException">All are in use.</exception>
    public uint Take()
    {
        var running = ProcFs.Users();
        lock (_gate)
        {
            for (var guess = 0; guess < Guesses; guess++)
                if (TryTake(range.First + (uint)Random.Shared.NextInt64(range.Count), running) is { } user) return user;
            for (long user = range.First; user <= range.Last; user++)
                if (TryTake((uint)user, running) is { } free) return free;
        }

        throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"all {range.Count} users of vm-users ({range}) are in use",
            "give vm-users a larger range, or keep fewer VMs"));
    }

    /// <summary>A VM that is taken over has it.</summary>
    public void Reserve(uint user)
    {
        lock (_gate) _taken.Add(user);
    }

    /// <summary>Its VM's process and files are gone.</summary>
    public void Return(uint? user)
    {
        if (user is not { } taken) return;
        lock (_gate) _taken.Remove(taken);
    }

    /// <summary>The program and its first arguments that make another program run as this user, with no right beside those of its own and no way to
    /// get any.</summary>
    internal IReadOnlyList<string> Before(uint user, Accelerator accelerator)
    {
        var number = user.ToString(CultureInfo.InvariantCulture);
        return
        [
            setPriv, "--reuid", number, "--regid", number,
            .. accelerator == Accelerator.Kvm && DeviceAccess.Group(kvmDevice) is { } kvm ? ["--groups", $"{kvm}"] : new[] { "--clear-groups" },
            .. Capabilities.None, NoNewPrivileges,
        ];
    }

    /// <summary>The same for a VM of Kata's shape, which stays root: its client has it open devices of root's.</summary>
    internal IReadOnlyList<string> Before(KataShape shape) => [setPriv, .. Capabilities.OfKata(shape.Share == SharedFileSystem.Virtio9P), NoNewPrivileges];

    /// <summary>The same for a program that serves such a VM, as root without any capability.</summary>
    internal IReadOnlyList<string> BeforeCompanion => [setPriv, .. Capabilities.None, NoNewPrivileges];

    public void Dispose() => Confinement.Dispose();

    private uint? TryTake(uint user, HashSet<uint> running) => !running.Contains(user) && _taken.Add(user) ? user : null;
}
