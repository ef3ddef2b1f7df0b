using System.Buffers;
using System.Text;
using Grpc.Core;

namespace VmCacheCluster.Client;

/// <summary>A program's output in memory, up to a bound.</summary>
internal sealed class OutputBuffer(int most)
{
    private readonly ArrayBufferWriter<byte> bytes = new();

    internal ValueTask AddAsync(ReadOnlyMemory<byte> chunk)
    {
        if (bytes.WrittenCount + chunk.Length > most)
        {
            throw new VmCacheException(
                StatusCode.ResourceExhausted, Reasons.OutputTooLarge,
                $"the program printed more than {most} bytes; read its output as it comes, with ExecAsync");
        }

        bytes.Write(chunk.Span);
        return ValueTask.CompletedTask;
    }

    public override string ToString() => Encoding.UTF8.GetString(bytes.WrittenSpan);
}
