using System.Globalization;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>The sockets that Kestrel listens on beside those it was built with, as the configuration that it follows.</summary>
internal sealed class AddedSockets : ConfigurationProvider, IConfigurationSource
{
    private int _count;

    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    /// <summary>Kestrel binds it soon, on another thread, and logs it when it cannot.</summary>
    /// <returns>What it is called here.</returns>
    /// <exception cref="EndpointRefusedException">Kestrel cannot be told of this path.</exception>
    public string Add(string path)
    {
        // In the form that Kestrel takes, a colon ends the path.
        if (path.Contains(':', StringComparison.Ordinal))
            throw new EndpointRefusedException($"{path} was removed and cannot be made again while vmcached runs, for its name has a colon: restart vmcached");
        var name = "again-" + (++_count).ToString(CultureInfo.InvariantCulture);
        Data[$"Endpoints:{name}:Url"] = $"http://unix:{path}";
        Data[$"Endpoints:{name}:Protocols"] = "Http2";
        OnReload();
        return name;
    }

    /// <summary>One that was never bound. What is bound stays: its connections go on.</summary>
    public void Forget(string name)
    {
        Data.Remove($"Endpoints:{name}:Url");
        Data.Remove($"Endpoints:{name}:Protocols");
    }
}
