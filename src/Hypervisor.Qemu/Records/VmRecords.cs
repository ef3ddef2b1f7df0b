using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>
/// All that is on record of a VM that this process holds. What somebody removes meanwhile is written again; the socket of the monitor
/// and the log cannot be: QEMU has them open, under a path that is gone.
/// </summary>
internal sealed class VmRecords(VmFacts facts, VmSize size, StateFile state, VmMark mark, LeaseRecord? lease) : IDisposable
{
    private readonly Lock _gate = new();
    private StateFile _state = state;
    private VmMark _mark = mark;
    private VmSize _size = size;
    private LeaseRecord? _lease = lease;
    private readonly HashSet<string> _restored = [];
    private bool _ending, _disposed, _monitorTold, _behind;

    private string Directory => facts.Paths.Directory;

    /// <summary>What is on record, or was to be.</summary>
    public VmMark Mark
    {
        get
        {
            lock (_gate) return _mark;
        }
    }

    /// <summary>One small write to a file that is open, which is not worth another thread; what is missing is written on another one.</summary>
    public Task RecordAsync(VmMark mark, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        try
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (_ending) return Task.CompletedTask;
                (_mark, _behind) = (mark, true);
                _state.Write(mark);
                _behind = false;
                if (IsWhole) return Task.CompletedTask;
            }

            return Task.Run(() => OnHost(QemuPaths.State(facts.Paths), () =>
            {
                Restore();
                return true;
            }), CancellationToken.None);
        }
        catch (Exception fault) when (IsRefusal(fault))
        {
            return Task.FromException(Unwritable(QemuPaths.State(facts.Paths), fault));
        }
    }

    /// <summary>Puts the lease on record, whole or not at all.</summary>
    public Task SaveLeaseAsync(LeaseRecord lease, CancellationToken cancel) => Task.Run(() => OnHost(QemuPaths.Lease(facts.Paths), () =>
    {
        // What it has not been given yet, nobody has removed.
        if (!IsWhole) Restore();
        LeaseFile.Write(facts.Paths, lease);
        _lease = lease;
        return true;
    }), cancel);

    /// <summary>What the VM has by now.</summary>
    /// <exception cref="VmFailedException">It cannot be written.</exception>
    public void Resize(VmSize now) => OnHost(QemuPaths.Record(facts.Paths), () =>
    {
        _size = now;
        if (!IsWhole) Restore();
        VmRecordFile.Write(facts, now);
        return true;
    });

    /// <summary>Writes again what is missing.</summary>
    /// <returns>What was written again since the last look, and what cannot be, for a person; null: nothing.</returns>
    /// <exception cref="VmFailedException">It cannot be written.</exception>
    public Task<string?> KeepAsync(CancellationToken cancel) => Task.Run(() => OnHost(Directory, () =>
    {
        // A mark that could not be written (the disk was full) is written as soon as it can be.
        if (_behind || Lost().Any()) Restore();
        List<string> news = [];
        if (_restored.Count > 0) news.Add($"somebody removed {string.Join(", ", _restored.Order(StringComparer.Ordinal))} of {Directory}: written again");
        _restored.Clear();
        var gone = !File.Exists(facts.Paths.Supervisor);
        if (gone && !_monitorTold)
            news.Add($"the socket {facts.Paths.Supervisor} was removed and cannot be made again: the VM goes on, but the next daemon cannot take it over");
        _monitorTold = gone;
        return news.Count == 0 ? null : string.Join("; ", news);
    }), cancel);

    /// <summary>From now on nothing is written any more: its directories go.</summary>
    public void End()
    {
        lock (_gate) _ending = true;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _state.Dispose();
        }
    }

    private bool IsWhole => _state.IsAt(QemuPaths.State(facts.Paths)) && File.Exists(QemuPaths.Record(facts.Paths))
        && (_lease is null || File.Exists(QemuPaths.Lease(facts.Paths)));

    private IEnumerable<string> Lost()
    {
        if (!_state.IsAt(QemuPaths.State(facts.Paths))) yield return QemuPaths.State(facts.Paths);
        foreach (var file in new[] { QemuPaths.Record(facts.Paths), QemuPaths.PidFile(facts.Paths) })
            if (!File.Exists(file)) yield return file;
        if (_lease is not null && !File.Exists(QemuPaths.Lease(facts.Paths))) yield return QemuPaths.Lease(facts.Paths);
    }

    /// <summary>The state comes last: without it nobody takes the VM for his own.</summary>
    private void Restore()
    {
        var lost = Lost().Select(Path.GetFileName).OfType<string>().ToList();
        VmDirectories.Restore(facts.Paths);
        if (!File.Exists(QemuPaths.Record(facts.Paths))) VmRecordFile.Write(facts, _size);
        if (!File.Exists(QemuPaths.PidFile(facts.Paths))) PidFile.Write(facts);
        if (_lease is { } lease && !File.Exists(QemuPaths.Lease(facts.Paths))) LeaseFile.Write(facts.Paths, lease);
        if (!_state.IsAt(QemuPaths.State(facts.Paths)))
        {
            AtomicFile.Write(QemuPaths.State(facts.Paths), StateFile.Line(_mark));
            var before = _state;
            _state = StateFile.Open(QemuPaths.State(facts.Paths));
            before.Dispose();
        }

        if (_behind) _state.Write(_mark);
        _behind = false;
        _restored.UnionWith(lost);
    }

    private T? OnHost<T>(string what, Func<T?> action)
    {
        lock (_gate)
        {
            if (_ending || _disposed) return default;
            try
            {
                return action();
            }
            catch (Exception fault) when (IsRefusal(fault))
            {
                throw Unwritable(what, fault);
            }
        }
    }

    private static bool IsRefusal(Exception fault) => fault is IOException or UnauthorizedAccessException or InvalidDataException or ObjectDisposedException;

    private static VmFailedException Unwritable(string what, Exception fault) => new(HostFailures.From($"cannot write {what}", fault), fault);
}
