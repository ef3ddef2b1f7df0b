using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The trust of both TCP ports.</summary>
public sealed record NetworkTrust(PeerTrust Peers, PeerTrust Callers);

/// <summary>The certificates that are in use now, and who was refused for theirs.</summary>
/// <param name="files">Null: there is no TLS.</param>
public sealed class PeerTrust(TlsFiles? files, ILogger log)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(10);

    /// <summary>How often it is looked whether the files are others.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, DateTimeOffset> _told = [];
    private TlsIdentity? _current;
    private (DateTime, DateTime, DateTime) _stamp;
    private DateTimeOffset _looked = DateTimeOffset.MinValue;

    /// <summary>As the files are now. Files that cannot be used change nothing, and are told of. Null: there is no TLS, or it was never to be used.</summary>
    public TlsIdentity? Current
    {
        get
        {
            if (files is null) return null;
            lock (_gate)
            {
                var now = TimeProvider.System.GetUtcNow();
                if (now - _looked < Look) return _current;
                _looked = now;
                if (Stamp() == _stamp) return _current;
            }

            try
            {
                return Reload();
            }
            catch (TlsException fault)
            {
                if (May(fault.Message)) log.LogError("new certificates are not used: {Problem}", fault.Message);
                lock (_gate) return _current;
            }
        }
    }

    /// <summary>Reads the files anew.</summary>
    /// <returns>Null: there is no TLS.</returns>
    /// <exception cref="TlsException">The files cannot be used.</exception>
    public TlsIdentity? Reload()
    {
        if (files is null) return null;
        var stamp = Stamp();
        var loaded = TlsIdentity.Load(files);
        lock (_gate) (_current, _stamp) = (loaded, stamp);
        return loaded;
    }

    public void Tell(string peer, string problem)
    {
        // A port of its own each time says nothing.
        var host = peer.LastIndexOf(':') is var at and > 0 ? peer[..at] : peer;
        if (May($"{host} {problem}")) log.LogWarning("the certificate of {Peer} is not trusted: {Problem}", peer, problem);
    }

    public void TellOnce(string problem, Exception? fault)
    {
        if (May(problem)) log.LogError(fault, "this node is in no cluster: {Problem}", problem);
    }

    private (DateTime, DateTime, DateTime) Stamp()
        => (File.GetLastWriteTimeUtc(files!.Certificate), File.GetLastWriteTimeUtc(files.Key), File.GetLastWriteTimeUtc(files.Authority));

    private bool May(string what)
    {
        lock (_gate)
        {
            if (_told.Count > 1000) _told.Clear();
            var now = TimeProvider.System.GetUtcNow();
            if (_told.TryGetValue(what, out var last) && now - last < Quiet) return false;
            _told[what] = now;
            return true;
        }
    }
}
