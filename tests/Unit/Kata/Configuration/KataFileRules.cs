namespace VmCacheCluster.Tests.Unit.Kata.Configuration;

/// <summary>
/// What Kata's own reader does with a <see cref="KataFileCase"/>, written down from its source: the decoder's, the drop-ins' and the
/// loader's rules, for each version. The reader under test is held against it, and shares nothing with it.
/// </summary>
/// <param name="version">1.13, 2.5, 3.5 or 4.1.</param>
internal sealed class KataFileRules(string version)
{
    private const string Text = "text", Texts = "texts", Flag = "flag", Float = "float";
    private const string UInt32 = "uint32", UInt64 = "uint64", Int64 = "int64", Int32 = "int32";

    private static readonly Dictionary<string, (string Table, string Type, string Versions)[]> Keys = new()
    {
        ["default_memory"] = [("hypervisor", UInt32, "1.13 2.5 3.5 4.1")],
        ["memory_slots"] = [("hypervisor", UInt32, "1.13 2.5 3.5 4.1")],
        ["default_vcpus"] = [("hypervisor", Int32, "1.13 2.5"), ("hypervisor", Float, "3.5 4.1")],
        ["default_maxmemory"] = [("hypervisor", UInt64, "2.5 3.5 4.1")],
        ["msize_9p"] = [("hypervisor", UInt32, "1.13 2.5 3.5 4.1")],
        ["memory_offset"] = [("hypervisor", UInt32, "1.13"), ("hypervisor", UInt64, "2.5 3.5 4.1")],
        ["pflashes"] = [("hypervisor", Texts, "1.13 2.5 3.5 4.1")],
        ["enable_debug"] =
        [
            ("hypervisor", Flag, "1.13 2.5 3.5 4.1"), ("agent", Flag, "1.13 2.5 3.5 4.1"), ("runtime", Flag, "1.13 2.5 3.5 4.1"),
        ],
        ["enable_hugepages"] = [("hypervisor", Flag, "1.13 2.5 3.5 4.1")],
        ["enable_swap"] = [("hypervisor", Flag, "1.13")],
        ["enable_numa"] = [("hypervisor", Flag, "4.1")],
        ["file_mem_backend"] = [("hypervisor", Text, "1.13 2.5 3.5")],
        ["rootfs_type"] = [("hypervisor", Text, "3.5 4.1")],
        ["virtio_fs_extra_args"] = [("hypervisor", Texts, "1.13 2.5 3.5 4.1")],
        ["net_rate_limiter_bw_max_rate"] = [("hypervisor", Int64, "2.5 3.5 4.1")],
        ["hypervisor_loglevel"] = [("hypervisor", UInt32, "4.1")],
        ["block_device_aio"] = [("hypervisor", Text, "3.5 4.1")],
        ["jailer_path"] = [("hypervisor", Text, "1.13 2.5 3.5 4.1")],
        ["dial_timeout"] = [("agent", UInt32, "2.5 3.5 4.1")],
        ["kernel_modules"] = [("agent", Texts, "1.13 2.5 3.5 4.1")],
        ["cdh_api_timeout"] = [("agent", UInt32, "4.1")],
        ["debug_console_enabled"] = [("agent", Flag, "2.5 3.5 4.1")],
        ["vm_cache_number"] = [("factory", UInt64, "1.13 2.5 3.5 4.1")],
        ["template_path"] = [("factory", Text, "1.13 2.5 3.5 4.1")],
        ["enable_pprof"] = [("runtime", Flag, "2.5 3.5 4.1")],
        ["create_container_timeout"] = [("runtime", UInt64, "3.5 4.1")],
        ["experimental_force_guest_pull"] = [("runtime", Flag, "4.1")],
        ["jaeger_user"] = [("runtime", Text, "2.5 3.5 4.1")],
    };

    private readonly Dictionary<string, string> _set = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tables = new(StringComparer.Ordinal) { "hypervisor.qemu" };

    private bool Old => version is "1.13" or "2.5";

    /// <returns>Why Kata refuses the file; null: it takes it.</returns>
    public string? Refusal(KataFileCase file) =>
        Syntax(file.Main) ?? Types(file.Main, dropIn: false)
        ?? DropIn(file.DropIn) ?? Loaded();

    /// <summary>1.13 has none.</summary>
    private string? DropIn(IReadOnlyList<CaseTable> tables) =>
        version == "1.13" ? null : Syntax(tables) ?? Types(tables, dropIn: true) ?? Applied(tables);

    /// <summary>Of default_memory, in MiB; less reads as not set.</summary>
    public int LeastMemory => version == "1.13" ? 1 : 256;

    /// <summary>What a key is set to in the end, as it is written; null: nowhere.</summary>
    public string? Value(string table, string key) => _set.GetValueOrDefault($"{table}.{key}");

    /// <summary>The parser: what is no value of the dialect, and what stands there twice.</summary>
    private string? Syntax(IReadOnlyList<CaseTable> tables)
    {
        HashSet<string> headers = new(StringComparer.Ordinal);
        foreach (var table in tables)
        {
            if (!headers.Add(table.Header)) return $"table {table.Header} twice";
            Dictionary<string, string> seen = new(StringComparer.Ordinal);
            foreach (var (key, value) in table.Entries)
            {
                if (value is "" or "tru" or "9223372036854775808" || (value == "01" && !Old)) return $"no value: {value}";
                if (Old && value is "inf" or "nan" or "0x10" or "[\"a\", 1]") return $"no value in old TOML: {value}";
                var replaces = version == "3.5" && (value[0] == '[' || (seen.TryGetValue(key, out var first) && first[0] == '['));
                if (!seen.TryAdd(key, value) && !replaces) return $"key {key} twice";
                seen[key] = value;
            }
        }

        return null;
    }

    /// <summary>The decoder: tables and keys in any case, each value of its key's type.</summary>
    private string? Types(IReadOnlyList<CaseTable> tables, bool dropIn)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        HashSet<string> named = new(StringComparer.Ordinal);
        foreach (var table in tables)
        {
            var root = table.Root.ToLowerInvariant();
            var merged = dropIn && root is "hypervisor" or "agent";
            // In a drop-in such a table is thrown away after it was decoded, into the same place as its double.
            var counts = !(merged && table.Root != root);
            if (table.Name.Length > 0 && !named.Add($"{root}.{table.Name}")) return "one table in two cases: left to chance";
            foreach (var (key, value) in Last(table.Entries))
            {
                if (TypeOf(root, key) is not { } type) continue;
                if (Mistyped(type, value)) return $"{value} for {table.Header}.{key}, which is {type}";
                var known = $"{root}{(table.Name.Length == 0 ? "" : "." + table.Name)}.{key.ToLowerInvariant()}";
                if (merged && (!counts || key != key.ToLowerInvariant())) continue;
                if (!seen.Add(known)) return $"{known} in two cases: left to chance";
                _set[known] = value;
            }

            if (!dropIn && root is "hypervisor" or "agent") _tables.Add($"{root}.{table.Name}");
        }

        return null;
    }

    /// <summary>A drop-in's keys are merged by their exact names.</summary>
    private string? Applied(IReadOnlyList<CaseTable> tables)
    {
        foreach (var table in tables.Where(t => t.Root is "hypervisor" or "agent"))
        {
            foreach (var (key, _) in table.Entries)
            {
                if (TypeOf(table.Root, key) is null || key != key.ToLowerInvariant()) return $"drop-in: no key {table.Header}.{key}";
                _tables.Add($"{table.Root}.{table.Name}");
            }
        }

        return null;
    }

    private string? Loaded()
    {
        var hypervisors = _tables.Where(t => t.StartsWith("hypervisor.", StringComparison.Ordinal));
        var agents = _tables.Where(t => t.StartsWith("agent.", StringComparison.Ordinal)).ToList();
        if (hypervisors.FirstOrDefault(t => t != "hypervisor.qemu") is { } other) return $"no hypervisor: {other}";
        if (agents.Count > 1) return "two agents: left to chance";
        // Without [proxy.kata] the file is for containerd's shim, which looks at no agent.
        var runtime = version == "1.13" && _tables.Contains("proxy.kata");
        if (runtime && agents.Count > 0 && !agents.Contains("agent.kata")) return "an agent that 1.13 does not have";
        if (Value("hypervisor.qemu", "pflashes") is { } flashes && flashes.Contains("\"a\"", StringComparison.Ordinal)) return "no file a";
        if (Value("hypervisor.qemu", "block_device_aio") is not (null or "\"\"" or "\"native\"")) return "no such block_device_aio";
        return Value("factory", "vm_cache_number") == "-1" ? "as many VMs as nobody has" : null;
    }

    private IEnumerable<CaseEntry> Last(IReadOnlyList<CaseEntry> entries) => entries.GroupBy(e => e.Key).Select(g => g.Last());

    private string? TypeOf(string root, string key) => Keys.TryGetValue(key.ToLowerInvariant(), out var rows)
        ? rows.FirstOrDefault(r => r.Table == root && r.Versions.Split(' ').Contains(version)).Type
        : null;

    private static bool Mistyped(string type, string value)
    {
        var number = value is "1" or "2" or "300" or "0" or "-1" or "0x10" or "1_000" or "01"
            or "4294967295" or "4294967296" or "9223372036854775807";
        return type switch
        {
            Text => value is not ("\"\"" or "\"native\"" or "'raw'" or "\"a\""),
            Texts => value is not ("[]" or "[\"a\"]" or "[\n  \"a\",\n  # more\n]"),
            Flag => value is not ("true" or "false"),
            UInt32 => !number || value is "-1" or "4294967296" or "9223372036854775807",
            Int32 => !number || value is "4294967295" or "4294967296" or "9223372036854775807",
            // nan is taken by the decoder, and refused when the VM's configuration is sent.
            Float => !(number || value is "1.5" or "1.0") || value is "4294967295" or "4294967296" or "9223372036854775807",
            _ => !number,
        };
    }
}
