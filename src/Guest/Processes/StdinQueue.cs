using System.Threading.Channels;
using VmCacheCluster.Agent;

namespace VmCacheCluster.Guest.Processes;

/// <summary>Input on its way to a program. The port has no flow control for each call: whoever stops reading it stops all
/// calls, and keeps QEMU from noticing that a client left. So a program may lag behind, but not stand still.</summary>
internal sealed class StdinQueue(RunningProgram program)
{
    private const int MostWaiting = 4 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Channel<ReadOnlyMemory<byte>> _waiting = Channel.CreateUnbounded<ReadOnlyMemory<byte>>();
    private readonly SemaphoreSlim _taken = new(0);
    private long _bytes;

    /// <exception cref="TtrpcStatusException">RESOURCE_EXHAUSTED: much is waiting, and the program takes nothing.</exception>
    public async Task PutAsync(ReadOnlyMemory<byte> bytes, CancellationToken over)
    {
        Interlocked.Add(ref _bytes, bytes.Length);
        _waiting.Writer.TryWrite(bytes);
        while (Interlocked.Read(ref _bytes) > MostWaiting)
        {
            if (!await _taken.WaitAsync(Patience, over).ConfigureAwait(false))
                throw new TtrpcStatusException(
                    TtrpcStatusCode.ResourceExhausted,
                    $"the program has taken none of its input for {Patience.TotalSeconds:0} s, while more than {MostWaiting >> 20} MiB wait");
        }
    }

    public void End() => _waiting.Writer.TryComplete();

    /// <summary>Hands the input on until its end, or until the program reads no more.</summary>
    public async Task RunAsync(CancellationToken over)
    {
        try
        {
            var wanted = true;
            await foreach (var bytes in _waiting.Reader.ReadAllAsync(over).ConfigureAwait(false))
            {
                wanted = wanted && await program.WriteStdinAsync(bytes, over).ConfigureAwait(false);
                Interlocked.Add(ref _bytes, -bytes.Length);
                _taken.Release();
            }

            program.CloseStdin();
        }
        catch (OperationCanceledException)
        {
            // The program has ended, or its call: nothing is left to be fed.
        }
    }
}
