using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>A daemon of its own in a directory of its own, ended with all it made.</summary>
public sealed class DaemonUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan Call = TimeSpan.FromSeconds(30);

    private readonly Process _process;

    private DaemonUnderTest(string directory, Process process)
    {
        Directory = directory;
        _process = process;
        Client = VmCacheClient.Open(Endpoint);
    }

    public string Directory { get; }

    public string Endpoint => Path.Combine(Directory, "cache.sock");

    public int Pid => _process.Id;

    public VmCacheClient Client { get; }

    /// <param name="configuration">The pool-defaults of its configuration.</param>
    /// <param name="program">Program and arguments; {0} is its directory.</param>
    public static async Task<DaemonUnderTest> StartAsync(string configuration, params string[] program)
    {
        // On tmpfs, where a run directory belongs: records cost no disk.
        var directory = System.IO.Directory.CreateDirectory($"/dev/shm/vmcbench-{Guid.NewGuid():N}"[..28]).FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "kernel"), "\n");
        await File.WriteAllTextAsync(Path.Combine(directory, "initrd"), "x");
        await File.WriteAllTextAsync(Path.Combine(directory, "vmcache.conf"), $$"""
            vmcache {
              endpoint = "{{directory}}/cache.sock"
              run-dir = "{{directory}}"
              grace-period = 600s
              {{configuration.Replace("{0}", directory)}}
            }
            """);
        var start = new ProcessStartInfo(program[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in program[1..]) start.ArgumentList.Add(argument.Replace("{0}", directory));
        var process = Process.Start(start)!;
        var daemon = new DaemonUnderTest(directory, process);
        process.OutputDataReceived += (_, line) => { if (line.Data is { } text && !text.Contains(" info: ")) Console.Error.WriteLine(text); };
        process.ErrorDataReceived += (_, line) => { if (line.Data is { } text) Console.Error.WriteLine(text); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return daemon;
    }

    public async Task<PoolStatus> UntilAsync(Func<PoolStatus, bool> condition, TimeSpan limit)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                var pool = (await Client.GetStatusAsync(Call)).Pools.SingleOrDefault(p => p.Name == "default");
                if (pool is not null && condition(pool)) return pool;
                if (clock.Elapsed > limit) throw new TimeoutException($"not within {limit}: {pool}");
            }
            catch (VmCacheException) when (clock.Elapsed < limit && !_process.HasExited)
            {
            }

            await Task.Delay(50);
        }
    }

    public async Task ReleaseAllAsync()
    {
        var leased = (await Client.GetStatusAsync(Call)).Pools.SelectMany(p => p.Vms).Where(v => v.State == VmState.Leased).Select(v => v.Id);
        await Parallel.ForEachAsync(leased, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (id, cancel) => await Client.ReleaseAsync(id, Call, cancel));
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_process.HasExited)
            {
                await ReleaseAllAsync();
                Process.Start("kill", _process.Id.ToString()).WaitForExit();
            }

            await _process.WaitForExitAsync();
        }
        finally
        {
            Client.Dispose();
            System.IO.Directory.Delete(Directory, recursive: true);
        }
    }
}
