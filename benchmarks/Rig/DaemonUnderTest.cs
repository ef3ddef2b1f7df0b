using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>A daemon of its own in a directory of its own, ended with all it made.</summary>
public sealed class DaemonUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan Call = TimeSpan.FromSeconds(30);

    private readonly string[] _program;
    private Process _process;

    private DaemonUnderTest(string directory, string[] program)
    {
        Directory = directory;
        _program = program;
        _process = Run();
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
              {{(configuration.Contains("fake-qemu") || Environment.GetEnvironmentVariable("VM_USERS") == "off" ? "vm-users = off" : "")}}
              pool-defaults.refill = boot
              {{configuration.Replace("{0}", directory)}}
            }
            """);
        return new DaemonUnderTest(directory, program);
    }

    /// <summary>kill -9, and the same again over what it left.</summary>
    /// <returns>When the new one was started: a <see cref="Stopwatch"/> timestamp.</returns>
    public async Task<long> ReplaceAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        var at = Stopwatch.GetTimestamp();
        _process = Run();
        return at;
    }

    private Process Run()
    {
        var start = new ProcessStartInfo(_program[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in _program[1..]) start.ArgumentList.Add(argument.Replace("{0}", Directory));
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => { if (line.Data is { } text && !text.Contains(" info: ")) Console.Error.WriteLine(text); };
        process.ErrorDataReceived += (_, line) => { if (line.Data is { } text) Console.Error.WriteLine(text); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
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
        var leased = (await Client.GetStatusAsync(Call)).Pools.SelectMany(p => p.Vms).Where(v => v.State == VmState.Leased && v.ExpiresAt is null).Select(v => v.Id);
        await Parallel.ForEachAsync(leased, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (id, cancel) => await Client.ReleaseAsync(id, Call, cancel));
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_process.HasExited)
            {
                await Client.DrainAsync(Call);
                await ReleaseAllAsync();
                await UntilAsync(p => p.Vms.All(v => v.State == VmState.Leased), TimeSpan.FromMinutes(1));
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
