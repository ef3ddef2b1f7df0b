using System.Diagnostics;
using System.Text;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>The unmodified vmcached as a process of its own.</summary>
internal sealed class DaemonProcess : IDisposable
{
    /// <summary>On a busy machine a daemon that has just opened its socket takes seconds to its first answer.</summary>
    private static readonly TimeSpan AskTimeout = Eventually.Patience;

    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private DaemonProcess(Process process, string endpoint)
    {
        _process = process;
        Endpoint = endpoint;
        Client = VmCacheClient.Open(endpoint);
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Endpoint { get; }

    public VmCacheClient Client { get; }

    /// <summary>How long each wait for this daemon may take.</summary>
    public TimeSpan Patience { get; init; } = Eventually.Patience;

    public int Pid => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>All that it has written to its two outputs.</summary>
    public string Log
    {
        get
        {
            lock (_log) return _log.ToString();
        }
    }

    public static DaemonProcess Start(string endpoint, TimeSpan patience, params string[] arguments) =>
        StartProgram(Dist.Daemon, endpoint, patience, arguments);

    /// <summary>In a network namespace: a host of its own, as far as the network goes.</summary>
    public static DaemonProcess StartIn(string network, string endpoint, TimeSpan patience, params string[] arguments) =>
        StartProgram("ip", endpoint, patience, ["netns", "exec", network, Dist.Daemon, .. arguments]);

    /// <summary>A daemon of the tests' own, in the place of vmcached.</summary>
    public static DaemonProcess StartProgram(string program, string endpoint, TimeSpan patience, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("VMCACHE_", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        return new DaemonProcess(Process.Start(start)!, endpoint) { Patience = patience };
    }

    /// <summary>Returns once it answers over its socket; fails at once when it ends instead.</summary>
    public async Task<NodeStatus> ReadyAsync() => await UntilAsync(_ => true, "the daemon answers");

    /// <summary>Returns the first status for which the condition holds.</summary>
    public async Task<NodeStatus> UntilAsync(Func<NodeStatus, bool> condition, string what)
    {
        NodeStatus? last = null;
        await Eventually.Async(
            async () =>
            {
                if (HasExited) throw new InvalidOperationException($"vmcached ended with status {_process.ExitCode} while it was to happen: {what}\n{Log}");
                try
                {
                    last = await Client.GetStatusAsync(AskTimeout);
                    return condition(last);
                }
                catch (VmCacheException e) when (e.Reason is Reasons.NoSocket or Reasons.NotListening)
                {
                    return false;
                }
            },
            what,
            () => $"{last}\n{Log}",
            Patience);
        return last!;
    }

    public Task<NodeStatus> PoolAsync(Func<PoolStatus, bool> condition, string what, string pool = "default") =>
        UntilAsync(s => s.Pools.Any(p => p.Name == pool && condition(p)), what);

    public Task<NodeStatus> WarmAsync(string pool = "default") =>
        PoolAsync(p => p.Warm == p.Target && p.Warming == 0, $"pool {pool} is at its target", pool);

    public void Signal(int signal) => Processes.Signal(Pid, signal);

    /// <summary>SIGTERM, and the exit code that came of it.</summary>
    public async Task<int> TerminateAsync()
    {
        Signal(Processes.Sigterm);
        return await ExitedAsync();
    }

    public async Task KillAsync()
    {
        Signal(Processes.Sigkill);
        await ExitedAsync();
    }

    /// <summary>The exit code, once it has ended by itself and all its output has been read.</summary>
    public async Task<int> ExitedAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"vmcached (pid {Pid}) has not ended within {Patience.TotalSeconds:0} s\n{Log}");
        }
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!HasExited) Signal(Processes.Sigkill);
        Client.Dispose();
        _process.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is null) return;
        lock (_log) _log.AppendLine(line.Data);
    }
}
