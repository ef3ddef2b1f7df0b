using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Tests.Qemu.Hypervisor;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Templates;

/// <summary>Tests that share a template.</summary>
[CollectionDefinition(Name)]
public sealed class TemplateHouseCollection : ICollectionFixture<TemplateHouse>
{
    public const string Name = "a template";
}

/// <summary>One template for all tests of the collection; making one takes a boot.</summary>
public sealed class TemplateHouse : IAsyncLifetime
{
    public HypervisorHouse House { get; } = new();

    public TemplateStore Store { get; private set; } = null!;

    public Template Template { get; private set; } = null!;

    public string Directory => Path.Combine(House.Root, "templates");

    public static VmSpec Spec() => SharedVm.Spec();

    /// <summary>The same directory, as a later process of the daemon would have it.</summary>
    public TemplateStore Another() => new(Directory, House.Options, House.ThrowAways, new LinuxHostClock(), TimeProvider.System);

    public async Task InitializeAsync()
    {
        Store = Another();
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        Assert.Null(await Store.FindAsync(Spec(), limit.Token));
        Template = await Store.MakeAsync(Spec(), HypervisorHouse.Patience, limit.Token);
        House.AssertEmpty();
    }

    public async Task DisposeAsync()
    {
        Store.Dispose();
        await House.DisposeAsync();
    }
}
