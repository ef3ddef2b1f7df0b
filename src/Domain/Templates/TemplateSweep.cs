namespace VmCacheCluster.Domain;

/// <summary>How long, and how many, templates are kept that no pool wants.</summary>
/// <param name="Keep">Since their last use.</param>
/// <param name="MostBytes">What all templates together may take, those that are wanted counted in; null: any.</param>
public sealed record TemplateLimits(TimeSpan Keep, long? MostBytes);

/// <summary>A template as it lies on disk.</summary>
/// <param name="LastUse">When a pool last began to use it.</param>
/// <param name="Bytes">What it takes there.</param>
/// <param name="Wanted">A pool's clones start from it.</param>
public readonly record struct StoredTemplate(TemplateDigest Digest, DateTimeOffset LastUse, long Bytes, bool Wanted);

/// <summary>Which templates go: what a pool wants never, the others when they are too old or too much, the longest unused first.</summary>
public static class TemplateSweep
{
    public static IReadOnlyList<TemplateDigest> Removable(IReadOnlyCollection<StoredTemplate> stored, TemplateLimits limits, DateTimeOffset now)
    {
        var bytes = stored.Sum(t => t.Bytes);
        List<TemplateDigest> go = [];
        foreach (var template in stored.Where(t => !t.Wanted).OrderBy(t => t.LastUse))
        {
            if (now - template.LastUse <= limits.Keep && !(bytes > limits.MostBytes)) continue;
            go.Add(template.Digest);
            bytes -= template.Bytes;
        }

        return go;
    }
}
