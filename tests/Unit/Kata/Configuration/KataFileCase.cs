using System.Text;
using CsCheck;

namespace VmCacheCluster.Tests.Unit.Kata.Configuration;

/// <summary>A line of a configuration: a key, and a value as it is written.</summary>
internal sealed record CaseEntry(string Key, string Value)
{
    public override string ToString() => $"{Key} = {Value}";
}

/// <summary>A table of a configuration, such as [hypervisor.qemu].</summary>
/// <param name="Root">hypervisor.</param>
/// <param name="Name">qemu; empty: the table has no name of its own.</param>
internal sealed record CaseTable(string Root, string Name, IReadOnlyList<CaseEntry> Entries)
{
    public string Header => Name.Length == 0 ? Root : $"{Root}.{Name}";
}

/// <summary>A configuration.toml and one drop-in, made at random.</summary>
internal sealed record KataFileCase(IReadOnlyList<CaseTable> Main, IReadOnlyList<CaseTable> DropIn)
{
    private const string Minimal = """
        path = "/opt/kata/bin/qemu-system-x86_64"
        kernel = "/opt/kata/share/kata-containers/vmlinux.container"
        initrd = "/opt/kata/share/kata-containers/kata-containers-initrd.img"
        shared_fs = "virtio-9p"

        """;

    private static readonly string[] Keys =
    [
        "default_memory", "memory_slots", "default_vcpus", "default_maxmemory", "msize_9p", "memory_offset", "pflashes", "enable_debug",
        "enable_hugepages", "enable_swap", "enable_numa", "file_mem_backend", "rootfs_type", "virtio_fs_extra_args",
        "net_rate_limiter_bw_max_rate", "hypervisor_loglevel", "block_device_aio", "jailer_path", "dial_timeout", "kernel_modules", "cdh_api_timeout", "debug_console_enabled",
        "vm_cache_number", "template_path", "enable_pprof", "create_container_timeout", "experimental_force_guest_pull", "jaeger_user", "nonsense",
    ];

    private static readonly string[] Values =
    [
        "1", "2", "300", "0", "-1", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "1.5",
        "1.0", "inf", "nan", "0x10", "1_000", "01", "true", "false", "\"\"", "\"native\"", "'raw'", "[]", "[\"a\"]", "[\"a\", 1]", "[1]",
        "2026-01-01", "{ x = 1 }", "[\n  \"a\",\n  # more\n]", "tru", "",
    ];

    private static readonly string[] Roots =
    [
        "hypervisor", "hypervisor", "hypervisor", "agent", "factory", "runtime", "Hypervisor", "RUNTIME", "other",
    ];

    private static readonly string[] Names = ["qemu", "qemu", "kata", "kata", "clh", "QEMU"];

    private static Gen<string> Key => Gen.Select(One(Keys), Gen.Int[0, 9], (key, how) => how switch
    {
        0 => key.ToUpperInvariant(),
        1 => char.ToUpperInvariant(key[0]) + key[1..],
        _ => key,
    });

    /// <summary>Most values are small numbers and flags, so that many files are valid.</summary>
    private static Gen<string> Value => Gen.Frequency((1, One(Values)), (2, One("1", "2", "300", "true", "\"a\"")));

    private static Gen<CaseEntry> Entry => Gen.Select(Key, Value, (key, value) => new CaseEntry(key, value));

    private static Gen<CaseTable> Table => Gen.Select(
        One(Roots), One(Names), Entry.Array[0, 3],
        (root, name, entries) => new CaseTable(root, root.ToUpperInvariant() is "HYPERVISOR" or "AGENT" ? name : "", entries));

    /// <summary>All of them.</summary>
    public static Gen<KataFileCase> All => Gen.Select(
        Entry.Array[0, 3], Table.Array[0, 2], Gen.Frequency((1, Gen.Const(Array.Empty<CaseTable>())), (1, Table.Array[1, 2])),
        (qemu, more, dropIn) => new KataFileCase([new CaseTable("hypervisor", "qemu", qemu), .. more], dropIn));

    public string MainText => "[hypervisor.qemu]\n" + Minimal + Lines(Main[0]) + Text(Main.Skip(1));

    public string DropInText => Text(DropIn);

    public override string ToString() => $"{MainText}\n--- drop-in\n{DropInText}";

    private static Gen<string> One(params string[] choices) => Gen.Int[0, choices.Length - 1].Select(i => choices[i]);

    private static string Text(IEnumerable<CaseTable> tables)
    {
        var text = new StringBuilder();
        foreach (var table in tables) text.Append($"[{table.Header}]\n{Lines(table)}");
        return text.ToString();
    }

    private static string Lines(CaseTable table) => string.Concat(table.Entries.Select(e => $"{e}\n"));
}
