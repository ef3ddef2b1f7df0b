using System.Globalization;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Files;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>
/// Where the templates are: <c>DIGEST/TIME/</c> each, complete from the moment it has that name, and <c>DIGEST/.new-…/</c> while one is
/// made, under a lock that ends with its maker.
/// </summary>
internal sealed class TemplateDirectory(string root)
{
    private const string DraftPrefix = ".new-";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>The complete ones, the youngest first.</summary>
    /// <exception cref="InvalidDataException">A directory is not ours.</exception>
    public IReadOnlyList<string> Versions(TemplateDigest digest)
    {
        var of = Of(digest);
        if (!Directory.Exists(of)) return [];
        foreach (var directory in new[] { root, of }) Check(directory);
        return [.. Directory.EnumerateDirectories(of).Where(d => MadeAt(d) is not null).OrderByDescending(d => MadeAt(d))];
    }

    /// <summary>Everybody else is kept from making this template until it is disposed.</summary>
    /// <returns>Null: somebody else is making it.</returns>
    public IDisposable? TryLock(TemplateDigest digest)
    {
        Directory.CreateDirectory(root, OwnerOnly);
        Check(root);
        Directory.CreateDirectory(Of(digest), OwnerOnly);
        Check(Of(digest));
        try
        {
            return new FileStream(Path.Combine(Of(digest), "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException fault) when (fault is not (FileNotFoundException or DirectoryNotFoundException))
        {
            return null;
        }
    }

    /// <summary>A new draft; what dead makers left is removed. The lock must be held.</summary>
    public string NewDraft(TemplateDigest digest)
    {
        foreach (var left in Directory.EnumerateDirectories(Of(digest), DraftPrefix + "*")) TreeRemover.Remove(left);
        var draft = Path.Combine(Of(digest), DraftPrefix + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(draft, OwnerOnly);
        return draft;
    }

    /// <summary>From now on it is there; older ones go. The lock must be held.</summary>
    public void Publish(string draft, TemplateDigest digest, DateTimeOffset madeAt)
    {
        var older = Versions(digest);
        Directory.Move(draft, Path.Combine(Of(digest), madeAt.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture)));
        foreach (var directory in older) Remove(directory);
    }

    /// <summary>One that stays is older than another and never read; a later maker tries again.</summary>
    public static void Remove(string directory)
    {
        try
        {
            TreeRemover.Remove(directory);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Nothing depends on it.
        }
    }

    /// <summary>It is used from now on.</summary>
    public static void Use(string version, DateTimeOffset now)
    {
        try
        {
            Directory.SetLastWriteTimeUtc(version, now.UtcDateTime);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // On a read-only disk it is never removed either.
        }
    }

    /// <summary>Removes what <see cref="TemplateSweep"/> says, and the drafts of the dead.</summary>
    public void Sweep(IReadOnlySet<TemplateDigest> wanted, TemplateLimits limits, DateTimeOffset now)
    {
        if (!Directory.Exists(root)) return;
        Check(root);
        List<StoredTemplate> stored = [];
        foreach (var digest in Directory.EnumerateDirectories(root).Select(Path.GetFileName).Where(n => n!.Length == 64).Select(n => new TemplateDigest(n!)))
        {
            if (Trust.Fault(Of(digest)) is not null || TryLock(digest) is not { } held) continue;
            using (held)
            {
                foreach (var draft in Directory.EnumerateDirectories(Of(digest), DraftPrefix + "*")) TreeRemover.Remove(draft);
                var versions = Versions(digest);
                if (wanted.Contains(digest) && versions.Count > 0) Use(versions[0], now);
                stored.Add(new StoredTemplate(digest, LastUse(Of(digest), versions), versions.Sum(Bytes), wanted.Contains(digest)));
            }
        }

        foreach (var digest in TemplateSweep.Removable(stored, limits, now))
        {
            using var held = TryLock(digest);
            if (held is not null) TreeRemover.Remove(Of(digest));
        }
    }

    private static DateTimeOffset LastUse(string of, IReadOnlyList<string> versions) =>
        new(versions.Count > 0 ? versions.Max(Directory.GetLastWriteTimeUtc) : Directory.GetLastWriteTimeUtc(of));

    private static long Bytes(string version) => Directory.EnumerateFiles(version).Sum(FileState.Allocated);

    private string Of(TemplateDigest digest) => Path.Combine(root, digest.Value);

    private static void Check(string directory)
    {
        if (Trust.Fault(directory) is { } fault) throw new InvalidDataException(fault);
        if ((File.GetUnixFileMode(directory) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            throw new InvalidDataException($"{directory} can be written to by others");
    }

    private static DateTimeOffset? MadeAt(string directory)
        => long.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : null;
}
