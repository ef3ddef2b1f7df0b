namespace VmCacheCluster.Domain;

/// <summary>A VM's id: a lower-case UUID, unique for ever, and the name of its directories.</summary>
public readonly record struct VmId(string Value)
{
    public static VmId New() => new(Guid.NewGuid().ToString("D"));

    /// <summary>One whose host can be told by it.</summary>
    /// <param name="tag">The host's <see cref="NodeName.Tag"/>.</param>
    public static VmId New(string tag) => new(tag + Guid.NewGuid().ToString("D")[TagLength..]);

    private const int TagLength = 8;

    /// <summary>What it begins with: its host's, where that has a name in a cluster.</summary>
    public string Tag => Value[..TagLength];

    /// <summary>True for exactly the form <see cref="New"/> makes; so a VM id can never be a path.</summary>
    public static bool TryParse(string? text, out VmId id)
    {
        var ok = Guid.TryParseExact(text, "D", out var guid) && guid.ToString("D") == text;
        id = ok ? new VmId(text!) : default;
        return ok;
    }

    public override string ToString() => Value;
}

/// <summary>A pool's name: 1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit (it becomes an actor's name).</summary>
public readonly record struct PoolName(string Value)
{
    public static readonly PoolName Default = new("default");

    public static bool TryParse(string? text, out PoolName name)
    {
        var ok = text is { Length: > 0 and <= 63 } && text[0] != '-'
            && text.All(c => c is >= 'a' and <= 'z' or >= '0' and <= '9' or '-');
        name = ok ? new PoolName(text!) : default;
        return ok;
    }

    public override string ToString() => Value;
}
