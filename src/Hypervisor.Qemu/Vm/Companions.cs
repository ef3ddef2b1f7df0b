using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>All processes that serve one VM beside its QEMU.</summary>
internal sealed class Companions(VmPaths paths, IReadOnlyList<Companion> all) : IDisposable
{
    public const string VirtioFs = "virtiofsd", Proxy = "kata-proxy";

    private static readonly string[] Names = [VirtioFs, Proxy];
    private static readonly TimeSpan Together = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>One that is recorded and gone cannot serve its VM any more.</summary>
    private readonly string? _lost = Names.FirstOrDefault(name => Companion.WasRecorded(name, paths) && all.All(c => c.Name != name));

    /// <summary>Those that an earlier process of the daemon started.</summary>
    public static Companions Adopt(VmPaths paths)
    {
        List<Companion> found = [];
        try
        {
            foreach (var name in Names)
                if (Companion.Adopt(name, paths) is { } companion) found.Add(companion);
            return new Companions(paths, found);
        }
        catch
        {
            // Each holds a descriptor, which may be what there are none of.
            found.ForEach(companion => companion.Dispose());
            throw;
        }
    }

    /// <summary>The same of a VM whose start was interrupted: those that are not on record, too.</summary>
    public static Companions FindAll(VmPaths paths) => new(paths, Companion.FindAll(paths));

    /// <summary>A VM whose companion ends is of no use, as Kata has it: its QEMU is ended too.</summary>
    /// <param name="qemu">That QEMU.</param>
    /// <param name="told">Told how it ended, before it does.</param>
    public void Watch(QemuProcess qemu, Action<string> told)
    {
        if (_lost is not null) End($"was ended, for its {_lost} is gone");
        foreach (var companion in all) _ = WatchAsync(companion);

        async Task WatchAsync(Companion companion)
        {
            var how = await companion.Exited.ConfigureAwait(false);
            // Most of them end with their QEMU: then there is nothing to tell.
            if (!await qemu.HasExitedWithinAsync(Together, CancellationToken.None).ConfigureAwait(false)) End($"was ended, for its {companion.Name} {how}{Said(companion.Name)}");
        }

        void End(string why)
        {
            told(why);
            qemu.Kill();
        }
    }

    /// <summary>Those that write to the guest unasked write nothing until <see cref="Wake"/>.</summary>
    public void Quiet()
    {
        foreach (var companion in Chatty) companion.Suspend();
    }

    /// <inheritdoc cref="Quiet"/>
    public void Wake()
    {
        foreach (var companion in Chatty) companion.Continue();
    }

    /// <summary>kata-proxy pings its guest; virtiofsd only answers.</summary>
    private IEnumerable<Companion> Chatty => all.Where(companion => companion.Name == Proxy);

    /// <summary>Why a VM could not be started, when that was virtiofsd's doing: QEMU only says that nobody answers it.</summary>
    public async Task<VmFailure?> WhyRefusedAsync()
    {
        foreach (var companion in all.Where(c => c.Name == VirtioFs))
        {
            await Task.WhenAny(companion.Exited, Task.Delay(Together)).ConfigureAwait(false);
            if (!companion.Exited.IsCompleted) continue;
            var how = await companion.Exited.ConfigureAwait(false);
            // It ends in good order when its QEMU does.
            if (how.EndsWith("status 0", StringComparison.Ordinal)) continue;
            var last = LogTail.Last(LogTail.Read(Companion.Log(paths, companion.Name)), 1);
            return new VmFailure(
                VmFailureKind.Start, $"{companion.Name} did not serve, it {how}{(last.Length > 0 ? $": {last}" : "")}", $"see what Kata's configuration says of {companion.Name} and its arguments");
        }

        return null;
    }

    private string Said(string name) => LogTail.Read(Companion.Log(paths, name)) is { Length: > 0 } log ? ": " + log.ReplaceLineEndings(" | ") : "";

    /// <summary>They have nobody to serve any more.</summary>
    public async Task EndAsync(TimeSpan kill)
    {
        foreach (var companion in all) await companion.EndAsync(Patience, kill).ConfigureAwait(false);
    }

    public void Dispose()
    {
        foreach (var companion in all) companion.Dispose();
    }
}
