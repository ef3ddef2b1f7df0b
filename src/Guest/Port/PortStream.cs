using VmCacheCluster.Agent;

namespace VmCacheCluster.Guest.Port;

/// <summary>The port as a stream, which never ends. It is read and written by the reactor's thread, which must not wait.</summary>
internal sealed class PortStream(AgentPort port) : ConnectionStream
{
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        port.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        port.WriteAsync(buffer, cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
