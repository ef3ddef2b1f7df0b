using System.Text;
using System.Threading.Channels;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

/// <summary>A guest in which one program runs that does what a test says. It must not be disposed by who borrows it.</summary>
internal sealed class ScriptedGuest : IGuest, IGuestProgram
{
    private readonly StringBuilder _stdin = new();

    public Channel<GuestOutput> Output { get; } = Channel.CreateUnbounded<GuestOutput>();

    public bool IsOpen => true;

    public Func<GuestCommand, Exception?> OnExec { get; init; } = _ => null;

    public GuestCommand? Command { get; private set; }

    public string Stdin
    {
        get { lock (_stdin) return _stdin.ToString(); }
    }

    public TaskCompletionSource StdinClosed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Killed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Input is taken only when this has completed.</summary>
    public Task TakesInput { get; init; } = Task.CompletedTask;

    public void Print(string text) => Output.Writer.TryWrite(new GuestOutput.Stdout(Encoding.UTF8.GetBytes(text)));

    public void Exit(int status) => Output.Writer.TryWrite(new GuestOutput.Exited(status, 0, false));

    public Task<IGuestProgram> ExecAsync(GuestCommand command, CancellationToken cancel)
    {
        Command = command;
        return OnExec(command) is { } fault ? Task.FromException<IGuestProgram>(fault) : Task.FromResult<IGuestProgram>(this);
    }

    public async Task WriteStdinAsync(ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        await TakesInput.WaitAsync(cancel);
        lock (_stdin) _stdin.Append(Encoding.UTF8.GetString(data.Span));
    }

    public Task CloseStdinAsync(CancellationToken cancel)
    {
        StdinClosed.TrySetResult();
        return Task.CompletedTask;
    }

    public IAsyncEnumerable<GuestOutput> ReadOutputAsync(CancellationToken cancel) => Output.Reader.ReadAllAsync(cancel);

    ValueTask IAsyncDisposable.DisposeAsync()
    {
        Killed.TrySetResult();
        return ValueTask.CompletedTask;
    }

    public Task<GuestFacts> DescribeAsync(CancellationToken cancel) => throw new NotSupportedException();

    public Task OnlineAsync(int cpus, CancellationToken cancel) => throw new NotSupportedException();

    public Task ReseedAsync(CancellationToken cancel) => throw new NotSupportedException();

    public Task SetClockAsync(CancellationToken cancel) => throw new NotSupportedException();

    public Task PrepareAsync(GuestPreparation preparation, CancellationToken cancel) => throw new NotSupportedException();
}
