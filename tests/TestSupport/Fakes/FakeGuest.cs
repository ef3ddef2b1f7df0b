using System.Collections.Concurrent;
using System.Threading.Channels;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

/// <summary>A guest in memory, which remembers what was done to it. Its channel takes one client.</summary>
public sealed class FakeGuest
{
    private readonly Lock _gate = new();
    private Client? _client;

    public GuestFacts Facts { get; set; } = new("fake", 128, Preparable: true);

    /// <summary>What each program does; it ends with status 0 at once unless a test says otherwise.</summary>
    public Action<FakeGuestProgram> Running { get; set; } = static program => program.End(0);

    public bool IsOpen
    {
        get { lock (_gate) return _client is not null; }
    }

    /// <summary>vCPUs that were brought online last; 0: none were.</summary>
    public int Online { get; private set; }

    public int Reseeds { get; private set; }

    public int ClockSets { get; private set; }

    public ConcurrentQueue<GuestPreparation> Preparations { get; } = [];

    public ConcurrentQueue<FakeGuestProgram> Programs { get; } = [];

    internal IGuest Open(Func<VmStep, Action, CancellationToken, Task> step)
    {
        lock (_gate)
        {
            if (_client is not null) throw new VmFailedException(new VmFailure(VmFailureKind.Agent, "the agent's channel has another client"));
            return _client = new Client(this, step);
        }
    }

    /// <summary>Whoever holds the channel is gone.</summary>
    internal void LetGo()
    {
        lock (_gate) _client = null;
    }

    private sealed class Client(FakeGuest guest, Func<VmStep, Action, CancellationToken, Task> step) : IGuest
    {
        public bool IsOpen
        {
            get { lock (guest._gate) return guest._client == this; }
        }

        public async Task<GuestFacts> DescribeAsync(CancellationToken cancel)
        {
            await step(VmStep.Describe, static () => { }, cancel);
            return guest.Facts;
        }

        public Task OnlineAsync(int cpus, CancellationToken cancel) => step(VmStep.Online, () => guest.Online = cpus, cancel);

        public Task ReseedAsync(CancellationToken cancel) => step(VmStep.Reseed, () => guest.Reseeds++, cancel);

        public Task SetClockAsync(CancellationToken cancel) => step(VmStep.SetClock, () => guest.ClockSets++, cancel);

        public Task PrepareAsync(GuestPreparation preparation, CancellationToken cancel) => step(VmStep.Prepare, () =>
        {
            if (!guest.Facts.Preparable) throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, "the guest's agent takes no identity"));
            (guest.Reseeds, guest.ClockSets) = (guest.Reseeds + 1, guest.ClockSets + 1);
            guest.Preparations.Enqueue(preparation);
        }, cancel);

        public async Task<IGuestProgram> ExecAsync(GuestCommand command, CancellationToken cancel)
        {
            var program = new FakeGuestProgram(command);
            await step(VmStep.Exec, () => guest.Programs.Enqueue(program), cancel);
            guest.Running(program);
            return program;
        }

        public ValueTask DisposeAsync()
        {
            lock (guest._gate)
                if (guest._client == this) guest._client = null;
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>A program in a <see cref="FakeGuest"/>; a test says what it writes and how it ends.</summary>
public sealed class FakeGuestProgram(GuestCommand command) : IGuestProgram
{
    private readonly Channel<GuestOutput> _output = Channel.CreateUnbounded<GuestOutput>();
    private readonly TaskCompletionSource _inputEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GuestCommand Command { get; } = command;

    public MemoryStream Stdin { get; } = new();

    public Task InputEnded => _inputEnded.Task;

    /// <summary>It was let go of, which kills it when it has not ended.</summary>
    public bool Disposed { get; private set; }

    public void Write(GuestOutput output) => _output.Writer.TryWrite(output);

    public void End(int status, int signal = 0, bool timedOut = false)
    {
        Write(new GuestOutput.Exited(status, signal, timedOut));
        _output.Writer.TryComplete();
    }

    public Task WriteStdinAsync(ReadOnlyMemory<byte> data, CancellationToken cancel) => Stdin.WriteAsync(data, cancel).AsTask();

    public Task CloseStdinAsync(CancellationToken cancel)
    {
        _inputEnded.TrySetResult();
        return Task.CompletedTask;
    }

    public IAsyncEnumerable<GuestOutput> ReadOutputAsync(CancellationToken cancel) => _output.Reader.ReadAllAsync(cancel);

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        _output.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }
}
