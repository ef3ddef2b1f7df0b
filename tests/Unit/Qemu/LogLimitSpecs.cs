using VmCacheCluster.Hypervisor.Qemu.Processes;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class LogLimitSpecs
{
    [Fact]
    public async Task Keeps_a_log_small_whose_writer_never_stops()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var directory = Directory.CreateTempSubdirectory("log");
        var path = Path.Combine(directory.FullName, "qemu.log");
        await File.WriteAllTextAsync(path, "", limit.Token);
        using var watched = LogLimit.Shared.Watch(path);
        var line = new string('x', 64 * 1024);

        // Ends when the log has become shorter; throws when it never does.
        var emptied = false;
        for (var before = 0L; !emptied; before = new FileInfo(path).Length)
        {
            limit.Token.ThrowIfCancellationRequested();
            await File.AppendAllTextAsync(path, line, limit.Token);
            emptied = new FileInfo(path).Length < before;
        }

        Assert.True(emptied);
        watched.Dispose();
        directory.Delete(recursive: true);
    }
}
