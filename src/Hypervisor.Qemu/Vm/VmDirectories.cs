using System.Collections.Concurrent;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Files;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Makes and removes a VM's two directories.</summary>
internal static class VmDirectories
{
    /// <summary>Removals that are under way: one that hangs with its file system is not begun again.</summary>
    private static readonly ConcurrentDictionary<string, Task> Removals = new();

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <exception cref="VmFailedException">A directory cannot be made.</exception>
    public static void Create(VmPaths paths)
    {
        foreach (var directory in new[] { paths.Directory, paths.ClientDirectory, paths.Share })
        {
            try
            {
                Directory.CreateDirectory(directory, OwnerOnly);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                throw new VmFailedException(HostFailures.From($"cannot make the directory {directory}", fault), fault);
            }
        }
    }

    /// <summary>The daemon's own directory of a VM, where somebody has removed it.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="InvalidDataException">Something that is not ours is there.</exception>
    public static void Restore(VmPaths paths)
    {
        Directory.CreateDirectory(paths.Directory, OwnerOnly);
        if (Trust.Fault(paths.Directory) is { } fault) throw new InvalidDataException(fault);
    }

    /// <summary>
    /// A directory that is gone already is as good: clients may delete theirs. Links are removed, not followed; what clients mounted below
    /// their directory is detached.
    /// </summary>
    /// <param name="deadline">How long is waited; the removal goes on after that, and may be waited for again.</param>
    /// <exception cref="VmFailedException">Something in it cannot be removed, or it takes longer.</exception>
    public static async Task RemoveAsync(VmPaths paths, TimeSpan deadline)
    {
        var removal = Removals.GetOrAdd(paths.Directory, _ => Task.Run(() => Remove(paths)));
        try
        {
            await removal.WaitAsync(deadline).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Host,
                $"its directories, {paths.ClientDirectory} and {paths.Directory}, are not removed within {deadline.TotalSeconds:0.#} s: "
                + "they hold very much, or their file system hangs",
                "see by findmnt what is mounted there"));
        }
        finally
        {
            if (removal.IsCompleted) Removals.TryRemove(KeyValuePair.Create(paths.Directory, removal));
        }
    }

    /// <summary>The same, however long it takes.</summary>
    /// <exception cref="VmFailedException">Something in it cannot be removed.</exception>
    internal static void Remove(VmPaths paths)
    {
        try
        {
            SandboxLinks.Remove(paths);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From($"cannot remove the sandbox's link to {paths.ClientDirectory}", fault), fault);
        }
        // Ours last: while it is there, a later process of the daemon finds the VM and tries again.
        foreach (var directory in new[] { paths.ClientDirectory, paths.Directory })
        {
            try
            {
                TreeRemover.Remove(directory);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                throw new VmFailedException(HostFailures.From($"cannot remove the directory {directory}", fault), fault);
            }
        }
    }
}
