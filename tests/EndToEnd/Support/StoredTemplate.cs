using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>A template that a daemon has made and left, for daemons that are to find it. It is made for the first spec that wants it.</summary>
public sealed class StoredTemplate : IAsyncLifetime
{
    private readonly House _house = new() { Patience = TimeSpan.FromMinutes(5) };
    private Task? _made;

    /// <summary>Settings of a pool whose clones start from such a template.</summary>
    internal static string Settings(string templates, int number = 2, string refill = "auto") =>
        House.RealVms(number, mebibytes: 256, refill) + $"\ntemplate-dir = \"{templates}\"\nbackoff {{ initial = 1s, max = 2s }}\n";

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _house.DisposeAsync();

    /// <summary>A copy, to be spoilt.</summary>
    /// <param name="root">A template directory that is not there yet.</param>
    /// <returns>The directory with its files.</returns>
    internal async Task<string> CopyToAsync(string root)
    {
        await (_made ??= MakeAsync());
        var digest = Path.Combine(root, Path.GetFileName(Assert.Single(Directory.GetDirectories(_house.At("templates")))));
        var from = Assert.Single(Directory.GetDirectories(Path.Combine(_house.At("templates"), Path.GetFileName(digest))));
        var version = Path.Combine(digest, Path.GetFileName(from));
        Directory.CreateDirectory(version);
        foreach (var file in Directory.GetFiles(from)) File.Copy(file, Path.Combine(version, Path.GetFileName(file)));
        return version;
    }

    internal static void AssertAll(MadeBy made, NodeStatus status) => Assert.All(status.Pools.SelectMany(p => p.Vms), vm => Assert.Equal(made, vm.MadeBy));

    private async Task MakeAsync()
    {
        var daemon = _house.Start(Settings(_house.At("templates"), number: 1, refill: "clone"));
        await daemon.WarmAsync();
        await daemon.Client.DrainAsync(HandedOut.Timeout);
        await daemon.PoolAsync(p => p.Vms.Count == 0, "its VM is gone");
        Assert.Equal(0, await daemon.TerminateAsync());
    }
}
