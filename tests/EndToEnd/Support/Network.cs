namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>Hosts on one machine: a network namespace each, joined by a bridge in one more. Made and removed by the test; needs root.</summary>
internal sealed class Network : IDisposable
{
    private static int _made;

    private readonly string _name = $"vmc{Environment.ProcessId}-{Interlocked.Increment(ref _made)}";
    private readonly int _hosts;

    private static readonly Lazy<string?> Impossible = new(WhyNot);

    /// <exception cref="SkipException">This machine does not let a test have namespaces.</exception>
    public Network(int hosts)
    {
        if (hosts > 0) Skip.If(Impossible.Value is not null, $"no network namespaces: {Impossible.Value}");
        _hosts = hosts;
        try
        {
            Make();
        }
        catch (InvalidOperationException)
        {
            foreach (var made in Names) _ = HostTool.RunAsync("ip", "netns", "del", made).GetAwaiter().GetResult();
            throw;
        }
    }

    private IEnumerable<string> Names => Enumerable.Range(0, _hosts).Select(Namespace).Append(Switch);

    private void Make()
    {
        Ip("netns", "add", Switch);
        Ip("-n", Switch, "link", "add", "br0", "type", "bridge");
        Ip("-n", Switch, "link", "set", "br0", "up");
        for (var i = 0; i < _hosts; i++)
        {
            Ip("netns", "add", Namespace(i));
            Ip("-n", Namespace(i), "link", "set", "lo", "up");
            Ip("-n", Switch, "link", "add", $"p{i}", "type", "veth", "peer", "name", "eth0", "netns", Namespace(i));
            Ip("-n", Switch, "link", "set", $"p{i}", "master", "br0", "up");
            Ip("-n", Namespace(i), "addr", "add", $"{Address(i)}/24", "dev", "eth0");
            Ip("-n", Namespace(i), "link", "set", "eth0", "up");
        }
    }

    /// <summary>Tries the least: a namespace with a bridge.</summary>
    private static string? WhyNot()
    {
        try
        {
            new Network(0).Dispose();
            return null;
        }
        catch (InvalidOperationException e)
        {
            return e.Message;
        }
    }

    private string Switch => $"{_name}-sw";

    public string Namespace(int host) => $"{_name}-{host}";

    public static string Address(int host) => $"10.77.0.{host + 1}";

    /// <summary>Nothing goes to or from this host any more.</summary>
    public void Cut(int host) => Ip("-n", Switch, "link", "set", $"p{host}", "down");

    public void Mend(int host) => Ip("-n", Switch, "link", "set", $"p{host}", "up");

    /// <summary>What this host sends is lost; it goes on hearing the others.</summary>
    public void Mute(int host)
    {
        foreach (var other in Others(host)) Ip("-n", Namespace(host), "route", "add", "blackhole", $"{Address(other)}/32");
    }

    public void Unmute(int host)
    {
        foreach (var other in Others(host)) Ip("-n", Namespace(host), "route", "del", "blackhole", $"{Address(other)}/32");
    }

    public void Dispose()
    {
        foreach (var made in Names) Ip("netns", "del", made);
    }

    private IEnumerable<int> Others(int host) => Enumerable.Range(0, _hosts).Where(i => i != host);

    /// <exception cref="InvalidOperationException">It cannot be run, or failed.</exception>
    private static void Ip(params string[] arguments)
    {
        if (HostTool.RunAsync("ip", arguments).GetAwaiter().GetResult() is { } fault) throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {fault}");
    }
}
