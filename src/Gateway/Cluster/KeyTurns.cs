using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>One call of a key at a time; the others wait, so many altogether.</summary>
public sealed class KeyTurns(int most)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PoolKey, Turn> _turns = [];
    private int _callers;

    /// <returns>Ends the turn.</returns>
    /// <exception cref="Grpc.Core.RpcException">There are too many.</exception>
    /// <exception cref="OperationCanceledException"/>
    public async Task<IDisposable> EnterAsync(PoolKey key, CancellationToken cancel)
    {
        Turn? turn;
        lock (_gate)
        {
            if (_callers >= most) throw GrpcErrors.TooManyKeys(most);
            _callers++;
            if (!_turns.TryGetValue(key, out turn)) _turns[key] = turn = new Turn(this, key);
            turn.Callers++;
        }

        try
        {
            await turn.One.WaitAsync(cancel);
            return new Held(turn);
        }
        catch
        {
            turn.Left();
            throw;
        }
    }

    private sealed class Turn(KeyTurns all, PoolKey key)
    {
        public SemaphoreSlim One { get; } = new(1, 1);

        public int Callers { get; set; }

        public void Left()
        {
            lock (all._gate)
            {
                all._callers--;
                if (--Callers == 0) all._turns.Remove(key);
            }
        }
    }

    private sealed class Held(Turn turn) : IDisposable
    {
        public void Dispose()
        {
            turn.One.Release();
            turn.Left();
        }
    }
}
