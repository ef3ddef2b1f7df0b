using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The trust of the TCP ports.</summary>
/// <param name="Peers">Of the two ports for other nodes.</param>
/// <param name="Callers">Of the port for callers on other machines.</param>
public sealed record NetworkTrust(PeerTrust Peers, PeerTrust Callers)
{
    public IEnumerable<PeerTrust> All => [Peers, Callers];
}

/// <summary>The certificates that are in use now, and the peers that were refused for theirs.</summary>
/// <param name="files">Null: there is no TLS.</param>
/// <param name="section">Of the configuration: "vmcache.cluster.tls".</param>
/// <param name="calls">The certificate is shown to others that this node calls, too.</param>
public sealed class PeerTrust(TlsFiles? files, string section, ILogger log, TimeProvider time, bool calls = true)
{
    /// <summary>So long before a certificate expires it is warned of.</summary>
    public static readonly TimeSpan Ahead = TimeSpan.FromDays(14);

    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(10);

    /// <summary>Strangers that are told of in that time.</summary>
    private const int MostTold = 1000;

    /// <summary>Between two warnings of a certificate that expires.</summary>
    private static readonly TimeSpan Daily = TimeSpan.FromDays(1);

    /// <summary>How often it is looked whether the files are others.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    /// <summary>Timestamps: a clock that is set back changes nothing.</summary>
    private readonly Dictionary<string, long> _told = [], _strangers = [];
    private TlsIdentity? _current;
    private (FileState?, FileState?, FileState?)? _stamp;
    private long? _looked;
    private string? _refused;

    public bool IsOn => files is not null;

    /// <summary>As the files are now. Files that cannot be used change nothing, and are told of. Null: there is no TLS, or it was never to be used.</summary>
    public TlsIdentity? Current
    {
        get
        {
            if (files is null) return null;
            lock (_gate)
            {
                // Concurrent first callers each load the files, and all get the same identity.
                if (_looked is { } at && time.GetElapsedTime(at) < Look && (_current is not null || _refused is not null)) return _current;
                _looked = time.GetTimestamp();
                if (Stamp() == _stamp)
                {
                    // Also when others were there meanwhile.
                    _refused = null;
                    return _current;
                }
            }

            try
            {
                return Reload();
            }
            catch (TlsException fault)
            {
                TlsIdentity? current;
                lock (_gate) (_refused, current) = (fault.Message, _current);
                if (May(_told, fault.Message, Quiet)) log.LogError("{Section}: {What}: {Problem}", section, Refused(current), fault.Message);
                return current;
            }
        }
    }

    /// <summary>What an operator has to know of the certificates; null: nothing.</summary>
    public string? Problem
    {
        get
        {
            lock (_gate)
            {
                return _refused is { } refused ? $"{section}: {Refused(_current)}: {refused}"
                    : _current is { } current && current.Expires - time.GetUtcNow() is var left && left < Ahead
                        ? $"{section}: the certificate {files!.Certificate} ({current.Subject}) {(left > TimeSpan.Zero ? "expires" : "expired")} at {current.Expires:u}: replace the files, a restart is not needed"
                        : null;
            }
        }
    }

    private static string Refused(TlsIdentity? current) => current is null ? "the certificates cannot be used" : "new certificates are not used";

    /// <summary>Reads the files anew.</summary>
    /// <returns>Null: there is no TLS.</returns>
    /// <exception cref="TlsException">The files cannot be used.</exception>
    public TlsIdentity? Reload()
    {
        if (files is null) return null;
        var stamp = Stamp();
        var loaded = TlsIdentity.Load(files, calls);
        TlsIdentity? before;
        lock (_gate)
        {
            if (_current?.Shows(loaded) == true)
            {
                (_stamp, _refused) = (stamp, null);
                return _current;
            }

            before = _current;
            (_current, _stamp, _refused) = (loaded, stamp, null);
        }

        before?.Retire();
        log.LogInformation(
            "{Section}: the certificate {File} ({Subject}) is used from now on; it is valid from {From:u} to {Until:u}",
            section, files.Certificate, loaded.Subject, loaded.Certificate.NotBefore.ToUniversalTime(), loaded.Expires);
        return loaded;
    }

    /// <summary>Looks for new files, and warns of a certificate that expires soon.</summary>
    public void Watch()
    {
        _ = Current;
        if (Problem is { } problem && May(_told, problem, Daily)) log.LogWarning("{Problem}", problem);
    }

    public void Tell(string peer, string problem)
    {
        // A port of its own each time says nothing.
        var host = peer.LastIndexOf(':') is var at and > 0 ? peer[..at] : peer;
        // What it shows it can make anew each time.
        if (May(_strangers, host, Quiet)) log.LogWarning("the certificate of {Peer} is not trusted: {Problem}", peer, problem);
    }

    public void TellOnce(string problem, Exception? fault)
    {
        if (May(_told, problem, Quiet)) log.LogError(fault, "this node is in no cluster: {Problem}", problem);
    }

    /// <summary>Of the files that links lead to: a Secret of Kubernetes is replaced behind them.</summary>
    private (FileState?, FileState?, FileState?) Stamp() => (StateOf(files!.Certificate), StateOf(files.Key), StateOf(files.Authority));

    private static FileState? StateOf(string path)
    {
        try
        {
            return FileState.Of(path);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <param name="told">When each was told of.</param>
    private bool May(Dictionary<string, long> told, string what, TimeSpan quiet)
    {
        lock (_gate)
        {
            if (told.TryGetValue(what, out var last) && time.GetElapsedTime(last) < quiet) return false;
            if (told.Count >= MostTold)
            {
                foreach (var (old, at) in told.ToArray())
                    if (time.GetElapsedTime(at) >= quiet) told.Remove(old);
                if (told.Count >= MostTold) return false;
            }

            told[what] = time.GetTimestamp();
            return true;
        }
    }
}
