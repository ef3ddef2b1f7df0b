namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>Specs that have a house each; what is left behind in it fails the test.</summary>
public abstract class HouseSpecs : IAsyncLifetime
{
    internal House House { get; } = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await House.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
