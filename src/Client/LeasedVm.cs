using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Client;

/// <summary>
/// A VM that is the caller's until it is released, or disposed. It runs. Its lease is renewed in the background unless
/// <see cref="AcquireOptions.AutomaticRenewal"/> is off; when it is lost all the same, <see cref="Lost"/> fires. May be used
/// by many threads.
/// </summary>
public sealed class LeasedVm : IAsyncDisposable
{
    /// <summary>A release ends QEMU: it gets to quit, then SIGTERM, then SIGKILL, before the node answers.</summary>
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Of a release that nobody waits for in earnest: the lease's end does the rest.</summary>
    private static readonly TimeSpan DisposeTimeout = TimeSpan.FromSeconds(15);

    private const int MostOutput = 16 << 20;

    private readonly VmCacheClient client;
    private readonly LeaseRenewal? renewal;
    private Lease lease;
    private int released;

    internal LeasedVm(VmCacheClient client, AcquireResponse answer, long acquired, TimeProvider time, bool renew)
    {
        (this.client, lease, Vm, Host, Gateway, Token) = (client, answer.Lease, answer.Vm, answer.Host, answer.Gateway, answer.Lease.Token);
        Timeline = [.. answer.Timeline.Select(s => new StageDuration(s.Stage_, s.Duration.ToTimeSpan()))];
        renewal = renew
            ? new LeaseRenewal(lease, acquired, time, (ttl, limit, cancel) => client.RenewAsync(Id, Token, ttl, limit, cancel))
            : null;
    }

    /// <summary>A lower-case UUID.</summary>
    public string Id => Vm.Id;

    /// <summary>All that the node said about the VM when it was handed over: sockets, process, how it was made and served.</summary>
    public Vm Vm { get; }

    /// <summary>Unix socket: a QMP monitor of the VM's, for its holder alone.</summary>
    public string Qmp => Vm.Qmp;

    /// <summary>Unix socket of the guest agent's channel; free for the caller only with <see cref="AcquireOptions.ClientHoldsAgent"/>.</summary>
    public string Agent => Vm.Agent;

    /// <summary>Unix socket: the guest's console.</summary>
    public string Console => Vm.Console;

    /// <summary>Directory of the host's for the VM's holder.</summary>
    public string Share => Vm.Share;

    /// <summary>vCPUs that the VM has.</summary>
    public int Cpus => (int)Vm.Cpus;

    /// <summary>Memory that the VM has, in MiB.</summary>
    public int MemoryMiB => (int)Vm.MemoryMib;

    /// <summary>The name of the host that it runs on.</summary>
    public string Host { get; }

    /// <summary>HOST:PORT at which that host serves vmcache.v1; empty: on its Unix socket alone.</summary>
    public string Gateway { get; }

    /// <summary>What was done for this caller, in order, and how long it took.</summary>
    public IReadOnlyList<StageDuration> Timeline { get; }

    /// <summary>Proves that its bearer holds the VM. Keep it secret.</summary>
    public string Token { get; }

    /// <summary>When the VM is destroyed unless the lease is renewed before, by the host's clock; as it was last renewed.</summary>
    public DateTimeOffset ExpiresAt => (renewal?.Lease ?? Volatile.Read(ref lease)).ExpiresAt.ToDateTimeOffset();

    /// <summary>How long the lease lives after a renewal; as it was last renewed.</summary>
    public TimeSpan Ttl => (renewal?.Lease ?? Volatile.Read(ref lease)).Ttl.ToTimeSpan();

    /// <summary>Fires when the lease is gone: it was refused, or could not be renewed before it expired. Never fires without
    /// automatic renewal.</summary>
    public CancellationToken Lost => renewal?.Lost ?? CancellationToken.None;

    /// <summary>Why <see cref="Lost"/> fired; null while it has not.</summary>
    public VmCacheException? LostBecause => renewal?.LostBecause;

    /// <summary>Prolongs the lease now. With automatic renewal, that goes on from here.</summary>
    /// <param name="ttl">How long it lives from now, and after each automatic renewal to come; null: as was asked for at acquire.</param>
    /// <exception cref="VmCacheException">The lease has ended, the TTL is refused, or the node did not answer.</exception>
    public async Task RenewAsync(TimeSpan? ttl = null, CancellationToken cancel = default)
    {
        if (renewal is not null)
        {
            await renewal.RenewAsync(ttl, cancel).ConfigureAwait(false);
            return;
        }

        Volatile.Write(ref lease, await client.RenewAsync(Id, Token, ttl, TimeSpan.FromSeconds(10), cancel).ConfigureAwait(false));
    }

    /// <summary>Runs a program in the guest. Its output is handed over as it comes and not asked for faster than it is taken.</summary>
    /// <param name="stdin">Copied to the program until it ends; null for an empty one.</param>
    /// <param name="cancel">Kills the program.</param>
    /// <exception cref="VmCacheException">It did not run, or how it ended is unknown.</exception>
    public Task<ExecExited> ExecAsync(
        GuestProgram program, Stream? stdin, Func<ReadOnlyMemory<byte>, ValueTask> stdout, Func<ReadOnlyMemory<byte>, ValueTask> stderr,
        CancellationToken cancel = default) => client.ExecAsync(Id, Token, program, stdin, stdout, stderr, cancel);

    /// <summary>Runs a program in the guest and returns what it printed, at most 16 MiB on either stream.</summary>
    /// <param name="args">The program, looked up in the guest's PATH, and its arguments.</param>
    public async Task<GuestRun> RunAsync(IReadOnlyList<string> args, CancellationToken cancel = default)
    {
        var (stdout, stderr) = (new OutputBuffer(MostOutput), new OutputBuffer(MostOutput));
        var exited = await ExecAsync(new GuestProgram { Args = args }, null, stdout.AddAsync, stderr.AddAsync, cancel).ConfigureAwait(false);
        return new GuestRun(exited.Status, stdout.ToString(), stderr.ToString());
    }

    /// <summary>
    /// Connects to a socket of the VM, on whatever host it runs. Each takes one client at a time; the agent's is the caller's only with
    /// <see cref="AcquireOptions.ClientHoldsAgent"/>. The stream reads 0 when the VM's side has closed it; disposing it closes the connection.
    /// </summary>
    /// <param name="cancel">Gives up connecting; the stream goes on without it.</param>
    /// <exception cref="VmCacheException">The node refused; the stream's reads and writes throw it too, when the VM or its lease has ended.</exception>
    public Task<Stream> ConnectAsync(VmSocket to, CancellationToken cancel = default) => client.ConnectAsync(Id, Token, to, cancel);

    /// <summary>Ends the lease; returns when the VM's process is gone. Harmless when it was called before.</summary>
    /// <exception cref="VmCacheException">The node did not do it; the VM ends with its lease.</exception>
    public Task ReleaseAsync(CancellationToken cancel = default) => ReleaseAsync(ReleaseTimeout, cancel);

    /// <summary>Releases the VM, if that has not happened. Waits a bounded time, and never fails: the VM ends with its lease.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await ReleaseAsync(DisposeTimeout, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is VmCacheException or ObjectDisposedException or OperationCanceledException)
        {
        }
    }

    private async Task ReleaseAsync(TimeSpan timeout, CancellationToken cancel)
    {
        if (Interlocked.Exchange(ref released, 1) != 0)
        {
            return;
        }

        if (renewal is not null)
        {
            await renewal.DisposeAsync().ConfigureAwait(false);
        }

        try
        {
            await client.ReleaseAsync(Id, timeout, cancel, Token).ConfigureAwait(false);
        }
        catch
        {
            // So that another call, or disposing it, tries again.
            Volatile.Write(ref released, 0);
            throw;
        }
    }
}

/// <summary>A step of an acquire, such as "resume" or "prepare".</summary>
public sealed record StageDuration(string Stage, TimeSpan Took);
