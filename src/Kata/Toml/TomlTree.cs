namespace VmCacheCluster.Kata.Toml;

/// <summary>The tables that a text opens one after the other. One that is there already is a fault, as Kata's decoder sees it.</summary>
internal sealed class TomlTree(TomlCursor at, TomlDialect dialect)
{
    public TomlTable Root { get; } = new(1);

    /// <summary>[name]</summary>
    public TomlTable Open(IReadOnlyList<string> name, int line)
    {
        var parent = Parent(Root, name, line, dotted: false);
        var last = name[^1];
        if (!parent.TryGet(last, out var there)) return Added(parent, last, new TomlTable(line), line);
        if (there is not TomlTable { Implied: true } table) throw Twice(name, parent, line);
        table.Implied = false;
        return table;
    }

    /// <summary>[[name]]</summary>
    public TomlTable Append(IReadOnlyList<string> name, int line)
    {
        var parent = Parent(Root, name, line, dotted: false);
        var last = name[^1];
        if (!parent.TryGet(last, out var there)) parent.Set(last, there = new TomlTables(line), line);
        if (there is not TomlTables tables)
            throw at.Fault($"Key '{Shown(name)}' was already created and cannot be used as an array (line {parent.LineOf(last)})", line);
        tables.Items.Add(new TomlTable(line));
        return tables.Items[^1];
    }

    /// <summary>name = value</summary>
    public void Set(TomlTable table, IReadOnlyList<string> name, TomlValue value, int line)
    {
        var parent = Parent(table, name, line, dotted: true);
        var last = name[^1];
        if (!parent.TryGet(last, out var there) || Replaces(value, there)) parent.Set(last, value, line);
        // Kata's decoder keeps the table and forgets the value.
        else if (there is TomlTable { Implied: true } implied && !HoldsTables(value)) implied.Implied = false;
        else throw Twice(name, parent, line);
    }

    /// <summary>As the decoders of 3.5 and of 4.1 have it for lists.</summary>
    private bool Replaces(TomlValue value, TomlValue there) => !HoldsTables(value) && dialect switch
    {
        TomlDialect.V10 => value is TomlArray || there is TomlArray,
        TomlDialect.V11 => value is TomlArray && there is TomlTable { Implied: true },
        _ => false,
    };

    private static bool HoldsTables(TomlValue value) => value is TomlTable || (value is TomlArray array && array.Items.Any(i => i is TomlTable));

    private TomlTable Parent(TomlTable from, IReadOnlyList<string> name, int line, bool dotted)
    {
        for (var i = 0; i < name.Count - 1; i++)
        {
            if (!from.TryGet(name[i], out var there)) from = Added(from, name[i], new TomlTable(line) { Implied = true }, line);
            else if (there is TomlTables tables) from = tables.Items[^1];
            else if (there is TomlTable table)
            {
                if (dotted) table.Implied = false;
                from = table;
            }
            else
            {
                var key = Shown([.. name.Take(i + 1)]);
                throw at.Fault($"Key '{key}' has already been defined, and is no table (line {from.LineOf(name[i])})", line);
            }
        }

        return from;
    }

    private static TomlTable Added(TomlTable parent, string key, TomlTable table, int line)
    {
        parent.Set(key, table, line);
        return table;
    }

    private TomlException Twice(IReadOnlyList<string> name, TomlTable parent, int line) =>
        at.Fault($"Key '{(at.Key.Length > 0 ? at.Key : Shown(name))}' has already been defined (line {parent.LineOf(name[^1])})", line);

    private static string Shown(IReadOnlyList<string> name) => string.Join('.', name);
}
