using System.Runtime.CompilerServices;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>One Exec of our own guest. The guest reads no faster than its output is taken, and the other way round.</summary>
internal sealed class QemuGuestProgram(TtrpcStream<ExecInput, ExecOutput> call) : IGuestProgram
{
    private const int LargestChunk = 32 * 1024;

    public Task WriteStdinAsync(ReadOnlyMemory<byte> data, CancellationToken cancel) => QemuGuest.AskAsync(async () =>
    {
        for (var rest = data; rest.Length > 0; rest = rest[Math.Min(rest.Length, LargestChunk)..])
            await call.WriteAsync(new ExecInput { Stdin = ByteString.CopyFrom(rest[..Math.Min(rest.Length, LargestChunk)].Span) }, cancel).ConfigureAwait(false);
    });

    public Task CloseStdinAsync(CancellationToken cancel) => QemuGuest.AskAsync(() => call.WriteAsync(new ExecInput { StdinEof = true }, cancel));

    public async IAsyncEnumerable<GuestOutput> ReadOutputAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            var message = await QemuGuest.AskAsync(async () => await call.ReadAsync(cancel).ConfigureAwait(false)).ConfigureAwait(false)
                ?? throw AgentProbe.Failed("it ended Exec without saying how the program ended", null);
            switch (message.KindCase)
            {
                case ExecOutput.KindOneofCase.Stdout:
                    yield return new GuestOutput.Stdout(message.Stdout.Memory);
                    break;
                case ExecOutput.KindOneofCase.Stderr:
                    yield return new GuestOutput.Stderr(message.Stderr.Memory);
                    break;
                case ExecOutput.KindOneofCase.Exited:
                    yield return new GuestOutput.Exited(message.Exited.Status, message.Exited.Signal, message.Exited.TimedOut);
                    yield break;
            }
        }
    }

    public ValueTask DisposeAsync() => call.DisposeAsync();
}
