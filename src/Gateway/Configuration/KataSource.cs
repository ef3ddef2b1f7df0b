using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What a pool with a Kata configuration says to Kata's clients.</summary>
/// <param name="Vm">Its VMConfig.</param>
/// <param name="Target">The clients that the answer is for.</param>
public sealed record KataServed(KataVmConfig Vm, KataTarget Target);

/// <summary>A pool's VMs as Kata's configuration.toml has them.</summary>
/// <param name="File">Its path.</param>
/// <param name="Configuration">What was read.</param>
/// <param name="Target">Which clients are answered.</param>
/// <param name="Spec">The VMs, with the node's default accelerator.</param>
internal sealed record KataSource(string File, KataConfiguration Configuration, KataTarget Target, VmSpec Spec)
{
    /// <summary>What the table [factory] says of the pool, weaker than vmcache.conf.</summary>
    public IReadOnlyList<Layer> Layers
    {
        get
        {
            var factory = Configuration.Factory;
            return
            [
                new Layer(ConfigNode.Of("vm-cache-number", $"{factory.VmCacheNumber}"), "factory", $"file {File}") { Named = "vm_cache_number" },
                // Sharing memory between VMs is the file's decision too.
                new Layer(ConfigNode.Of("refill", factory.EnableTemplate && Spec.Kata!.WhyNotCloned() is null ? "clone" : "boot"), "factory", $"file {File}") { Named = "enable_template" },
            ];
        }
    }

    public IEnumerable<string> Warnings =>
    [
        .. Configuration.Warnings,
        .. KataPool.Unserved(Configuration.Vm).Select(u => $"no VM can be made of it: {u.Key}: {u.Text}; {u.Remedy}"),
        .. Configuration.Factory.VmCacheNumber == 0 ? ["vm_cache_number is 0: no VM is kept warm unless --vm-cache-number or vmcache.conf says so"] : Array.Empty<string>(),
        .. Configuration.Factory.EnableTemplate && Spec.Kata!.WhyNotCloned() is { } why ? [$"enable_template is set, and its VMs are booted all the same: {why}"] : Array.Empty<string>(),
    ];
}
