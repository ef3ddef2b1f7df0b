namespace VmCacheCluster.Cli.Doctor;

/// <summary>The doctor's judgement of where templates are kept.</summary>
internal static class TemplateChecks
{
    /// <summary>A template of the embedded guest takes some 100 MiB.</summary>
    private const long LeastFreeMiB = 256;

    internal static Check Directory(DirectoryFacts directory)
    {
        const string name = "templates";
        const string elsewhere = "name another one by template-dir in the configuration";
        if (!directory.Writable) return new Check(name, Verdict.Fail, $"{directory.Path} is not writable by this user", $"run as root, or {elsewhere}");
        // Whoever can write there could change every VM that is cloned.
        if (directory.Mode is { } mode && (mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            return new Check(name, Verdict.Fail, $"{directory.Path} has permissions {Checks.Octal(mode)}: its templates are not loaded, for others could have changed them", $"chmod 0700 {directory.Path}");
        var found = $"{directory.Path} {(directory.Exists ? "is" : "will be")} on {directory.FileSystem}{(directory.FreeMiB is { } free ? $", {free} MiB free" : "")}";
        return directory.FreeMiB < LeastFreeMiB
            ? new Check(name, Verdict.Warn, $"{found}: that may not be enough for a template, and then VMs are booted", $"free some space, or {elsewhere}")
            : new Check(name, Verdict.Ok, found);
    }
}
