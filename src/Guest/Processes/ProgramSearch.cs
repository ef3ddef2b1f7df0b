using VmCacheCluster.Agent;

namespace VmCacheCluster.Guest.Processes;

/// <summary>Finds the file of a program as a shell does.</summary>
internal static class ProgramSearch
{
    /// <exception cref="TtrpcStatusException">NOT_FOUND, or PERMISSION_DENIED for a file that nobody may execute.</exception>
    public static string Find(string program, string path, string workingDirectory)
    {
        if (program.Contains('/'))
        {
            var file = Path.Combine(workingDirectory, program);
            if (!File.Exists(file)) throw new TtrpcStatusException(TtrpcStatusCode.NotFound, $"there is no program '{program}' in the guest");
            return IsExecutable(file) ? file : throw NotExecutable(file);
        }

        string? refused = null;
        foreach (var directory in path.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            var file = Path.Combine(workingDirectory, directory, program);
            if (!File.Exists(file)) continue;
            if (IsExecutable(file)) return file;
            refused ??= file;
        }

        throw refused is null
            ? new TtrpcStatusException(TtrpcStatusCode.NotFound, $"there is no program '{program}' in the guest (PATH is {path})")
            : NotExecutable(refused);
    }

    private static bool IsExecutable(string file) =>
        (File.GetUnixFileMode(file) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0;

    private static TtrpcStatusException NotExecutable(string file) =>
        new(TtrpcStatusCode.PermissionDenied, $"'{file}' is not executable");
}
