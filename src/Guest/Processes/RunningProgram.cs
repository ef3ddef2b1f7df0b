using VmCacheCluster.Guest.Port;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Processes;

/// <summary>A started program and our ends of its pipes.</summary>
internal sealed class RunningProgram : IDisposable
{
    private const int ChunkLength = 32 * 1024;

    // What a pipe can hold: all that a program has written and not been asked for when it ends.
    private const int PipeCapacity = 64 * 1024;

    private readonly Reactor _reactor;
    private readonly Reaper _reaper;
    private readonly Pipes _pipes = new();
    private readonly int _process;
    private readonly Readiness _stdin, _stdout, _stderr;

    public RunningProgram(ProgramStart start, Reactor reactor, Reaper reaper)
    {
        _reactor = reactor;
        _reaper = reaper;
        try
        {
            (_process, Ended) = reaper.Start(() => Spawn.Run(start, _pipes));
        }
        catch
        {
            _pipes.Dispose();
            throw;
        }

        _pipes.CloseTheirs();
        _stdin = reactor.Watch(_pipes.OurStdin);
        _stdout = reactor.Watch(_pipes.OurStdout);
        _stderr = reactor.Watch(_pipes.OurStderr);
    }

    public Task<ExitStatus> Ended { get; }

    public void Kill() => _reaper.KillGroup(_process);

    /// <returns>False when the program reads no more.</returns>
    public async ValueTask<bool> WriteStdinAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        try
        {
            while (!bytes.IsEmpty)
            {
                if (Descriptor.Write(_pipes.OurStdin, bytes.Span) is { } count) bytes = bytes[count..];
                else await _stdin.WritableAsync(cancellation).ConfigureAwait(false);
            }

            return true;
        }
        catch (LinuxException fault) when (fault.Errno == Linux.EPIPE)
        {
            return false;
        }
    }

    public void CloseStdin()
    {
        _reactor.Forget(_pipes.OurStdin, _stdin);
        _pipes.Close(_pipes.OurStdin);
    }

    public Task PumpStdoutAsync(Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken over) => PumpAsync(_pipes.OurStdout, _stdout, take, over);
    public Task PumpStderrAsync(Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken over) => PumpAsync(_pipes.OurStderr, _stderr, take, over);

    /// <summary>Hands on what the program writes, until all of its writers are gone. A process it left in the background can
    /// hold the pipe for ever, so once the program is <paramref name="over"/>, only what is in the pipe is read.</summary>
    private static async Task PumpAsync(int pipe, Readiness readiness, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken over)
    {
        var buffer = new byte[ChunkLength];
        for (var left = PipeCapacity; left > 0;)
        {
            var ended = over.IsCancellationRequested;
            var count = Descriptor.Read(pipe, buffer);
            if (count == 0 || (count is null && ended)) return;
            if (count is { } read)
            {
                await take(buffer.AsMemory(0, read)).ConfigureAwait(false);
                if (ended) left -= read;
                continue;
            }

            try
            {
                await readiness.ReadableAsync(over).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // One more round reads what is left.
            }
        }
    }

    public void Dispose()
    {
        _reactor.Forget(_pipes.OurStdin, _stdin);
        _reactor.Forget(_pipes.OurStdout, _stdout);
        _reactor.Forget(_pipes.OurStderr, _stderr);
        _pipes.Dispose();
    }
}
