using VmCacheCluster.Kata.Toml;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>How one version of Kata reads its configuration.toml, where the versions differ.</summary>
internal sealed class KataRules
{
    private static readonly string[] Named = ["hypervisor", "agent", "proxy", "shim"];

    private KataRules(string version, Releases releases, TomlDialect dialect) =>
        (Version, Releases, Dialect, Tables) = (version, releases, dialect, KataKeys.Of(releases));

    public static KataRules Kata113 { get; } = new("1.13", Releases.R1, TomlDialect.Old);

    public static KataRules Kata25 { get; } = new("2.5", Releases.R2, TomlDialect.Old);

    public static KataRules Kata35 { get; } = new("3.5", Releases.R3, TomlDialect.V10);

    public static KataRules Kata41 { get; } = new("4.1", Releases.R4, TomlDialect.V11);

    /// <summary>3.5 and 4.1 together, for a file that both of them can read.</summary>
    public static KataRules Both { get; } = new("3.5 and 4.1", Releases.Since3, TomlDialect.V11);

    /// <summary>As users read it.</summary>
    public string Version { get; }

    public Releases Releases { get; }

    public TomlDialect Dialect { get; }

    /// <summary>Tables and keys, by name in any case.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, KeyType>> Tables { get; }

    public bool IsFirst => Releases == Releases.R1;

    /// <summary>Only 4.1: a check or a key that 3.5 has not.</summary>
    public bool IsFourth => Releases == Releases.R4;

    public bool HasDropIns => !IsFirst;

    /// <summary>The table holds tables with names of their own, such as [hypervisor.qemu].</summary>
    public static bool HoldsTables(string table) => Named.Contains(table, StringComparer.OrdinalIgnoreCase);

    public string[] SharedFileSystems => Releases switch
    {
        Releases.R1 => ["virtio-9p", "virtio-fs"],
        Releases.R2 => ["virtio-9p", "virtio-fs", "virtio-fs-nydus"],
        _ => ["virtio-9p", "virtio-fs", "virtio-fs-nydus", "none"],
    };

    public string[] OtherHypervisors => Releases switch
    {
        Releases.R1 or Releases.R2 => ["firecracker", "acrn", "clh"],
        Releases.R4 => ["firecracker", "clh", "dragonball", "stratovirt", "remote"],
        _ => ["firecracker", "acrn", "clh", "dragonball", "stratovirt", "remote"],
    };

    public string VirtioFsCache => Releases is Releases.R1 or Releases.R2 ? "none" : "never";

    /// <summary>Quotes hold a kernel parameter with blanks together.</summary>
    public bool QuotesKernelParameters => (Releases & Releases.Since3) != 0;

    /// <summary>1.13 and 2.5 take any number of root ports.</summary>
    public bool LimitsRootPorts => (Releases & Releases.R4) != 0;

    /// <summary>A template needs an initrd.</summary>
    public bool TemplateNeedsInitrd => !IsFourth && Releases != Releases.Since3;

    public static KataRules Of(KataTarget target) => target switch
    {
        KataTarget.Kata113 => Kata113,
        KataTarget.Kata25 => Kata25,
        KataTarget.Kata35 => Kata35,
        KataTarget.Kata41 => Kata41,
        _ => Both,
    };
}
