using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Toml;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>Keys and checks that Kata 4.1 has and 3.5 has not.</summary>
internal static class FourthTables
{
    private const string Logical = "block_device_logical_sector_size", Physical = "block_device_physical_sector_size";
    private static readonly string[] EmptyDirModes = ["shared-fs", "block-encrypted", "block-plain"];

    /// <summary>HypervisorConfig.GuestExtensionImages; null: none.</summary>
    public static JsonElement? Images(KataSection table, List<KataFault> faults)
    {
        if (table.Tables("guest_extension_images") is not { Count: > 0 } images) return null;
        for (var i = 0; i < images.Count; i++)
        {
            var name = Text(images[i], "name");
            if (name.Length == 0) Fault($"guest_extension_images entry {i} is missing required 'name' field", "give it a name");
            else if (!name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
                Fault($"guest_extension_images '{Printable.OneLine(name)}' has an invalid name", "use letters, digits, '-' and '_' alone");
        }

        return Json([.. images.Select(i => new KataExtensionImage(Text(i, "name"), Text(i, "path"), Text(i, "verity_params")))]);

        void Fault(string text, string remedy)
        {
            var fault = table.Fault("guest_extension_images", text, remedy);
            faults.Add(fault with { Text = $"{table.MainFile}: {text}" });
        }
    }

    /// <summary>HypervisorConfig.GuestNUMANodes, of this host; null: none, also where a node of numa_mapping is not there.</summary>
    public static JsonElement? NumaNodes(KataSection table, IKataHost host)
    {
        if (!table.Flag("enable_numa")) return null;
        var mapping = table.List("numa_mapping") is { Count: > 0 } given ? given : [.. host.NumaNodes.Keys.Order().Select(n => $"{n}")];
        var nodes = mapping.Select(m => Node(m, host)).ToList();
        if (nodes.Count == 0 || nodes.Contains(null)) return null;
        return JsonSerializer.SerializeToElement([.. nodes.Select(n => n!)], KataJson.Go.KataNumaNodeArray);
    }

    public static void SectorSizes(KataSection table, List<KataFault> faults)
    {
        foreach (var key in new[] { Logical, Physical })
        {
            if (table.Number(key) is not 0 and var size && (size is < 512 or > 65536 || !uint.IsPow2(size)))
                Fault(key, $"invalid {key} {size}: must be 0 or a power of 2 between 512 and 65536", "give one of these");
        }

        var (logical, physical) = (table.Number(Logical), table.Number(Physical));
        if (logical != 0 && physical != 0 && logical > physical)
        {
            var text = $"invalid sector sizes: logical ({logical}) must not be larger than physical ({physical})";
            Fault(Logical, text, "lower it, or raise the other one");
        }

        void Fault(string key, string text, string remedy) =>
            faults.Add(table.Fault(key, text, remedy) with { Text = $"{table.MainFile}: {text}" });
    }

    public static void Check(KataSection runtime, KataSection hypervisor, KataHypervisorConfig config, List<KataFault> faults)
    {
        if (runtime.Text("emptydir_mode") is { Length: > 0 } mode && !EmptyDirModes.Contains(mode))
        {
            var allowed = string.Join(", ", EmptyDirModes.Select(m => $"\"{m}\""));
            var text = $"{runtime.MainFile}: invalid emptydir_mode=\"{mode}\", allowed values: {allowed}";
            faults.Add(runtime.Fault("emptydir_mode", text, "use one of these"));
        }

        if (config.GuestNUMANodes is { } nodes && nodes.GetArrayLength() > 1 && !runtime.Flag("static_sandbox_resource_mgmt"))
        {
            const string text = "NUMA support requires static_sandbox_resource_mgmt to be enabled";
            faults.Add(hypervisor.Fault("enable_numa", text, "set static_sandbox_resource_mgmt = true in [runtime]"));
        }

        if (config is { ConfidentialGuest: true, BlockDeviceDriver: "virtio-mmio" })
            faults.Add(hypervisor.Fault("block_device_driver", "confidential guests must not use virtio-mmio", "use \"virtio-blk\""));
    }

    /// <returns>Null: one of the nodes is not there.</returns>
    private static KataNumaNode? Node(string nodes, IKataHost host)
    {
        var cpus = KataCpuSet.Parse(nodes)?.Select(n => host.NumaNodes.GetValueOrDefault(n)).ToList();
        return cpus is null || cpus.Contains(null) ? null : new KataNumaNode(nodes, string.Join(',', cpus));
    }

    private static JsonElement Json(KataExtensionImage[] images) =>
        JsonSerializer.SerializeToElement(images, KataJson.Go.KataExtensionImageArray);

    private static string Text(TomlTable table, string key)
    {
        var entry = table.Entries.FirstOrDefault(e => string.Equals(e.Key, key, StringComparison.OrdinalIgnoreCase));
        return entry.Value is TomlText text ? text.Value : "";
    }
}

/// <summary>An image that is attached to a VM beside its root.</summary>
internal sealed record KataExtensionImage(string Name, string Path, string VerityParams);

/// <summary>A guest's NUMA node, and the host's nodes and CPUs that it is put on.</summary>
internal sealed record KataNumaNode(string HostNodes, string HostCPUs);
