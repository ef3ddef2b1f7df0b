namespace VmCacheCluster.Guest.Preparing;

/// <summary>The variables that the last Prepare gave to all programs to come.</summary>
internal sealed class PreparedEnvironment
{
    private volatile IReadOnlyDictionary<string, string> _variables = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Variables
    {
        get => _variables;
        set => _variables = value;
    }
}
