using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;

namespace VmCacheCluster.Qmp;

/// <summary>Turns a byte stream into one JSON object a line, in bounded space.</summary>
internal sealed class QmpLineReader(Stream stream, int maxLineBytes)
{
    // Zero-byte reads: an idle connection holds no buffer, which counts with hundreds of VMs.
    private readonly PipeReader _pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true, useZeroByteReads: true));

    /// <summary>The next object, or null at the end of the stream.</summary>
    /// <exception cref="InvalidDataException">A line is too long, no JSON object, or has text that is no Unicode.</exception>
    public async ValueTask<JsonElement?> ReadAsync(CancellationToken cancel)
    {
        while (true)
        {
            var read = await _pipe.ReadAsync(cancel).ConfigureAwait(false);
            var buffer = read.Buffer;
            if (TryTakeLine(ref buffer, out var line))
            {
                JsonElement? message;
                try
                {
                    message = Parse(line);
                }
                finally
                {
                    _pipe.AdvanceTo(buffer.Start);
                }
                if (message is null) continue;
                return message;
            }
            if (buffer.Length > maxLineBytes) throw new InvalidDataException($"a line of more than {maxLineBytes} bytes");
            _pipe.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted) return null;
        }
    }

    public ValueTask CompleteAsync() => _pipe.CompleteAsync();

    private static bool TryTakeLine(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> line)
    {
        if (buffer.PositionOf((byte)'\n') is not { } end)
        {
            line = default;
            return false;
        }
        line = buffer.Slice(0, end);
        buffer = buffer.Slice(buffer.GetPosition(1, end));
        return true;
    }

    private JsonElement? Parse(in ReadOnlySequence<byte> line)
    {
        if (line.Length > maxLineBytes) throw new InvalidDataException($"a line of more than {maxLineBytes} bytes");
        var reader = new Utf8JsonReader(line);
        try
        {
            // A blank line is what separates nothing from nothing.
            if (IsBlank(line)) return null;
            var element = JsonElement.ParseValue(ref reader);
            var more = reader.Read();
            if (more || element.ValueKind != JsonValueKind.Object) throw new InvalidDataException("a line that is not one JSON object");
            CheckText(element);
            return element;
        }
        catch (InvalidOperationException fault)
        {
            throw new InvalidDataException("a line with text that is no Unicode", fault);
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException("a line that is not JSON: " + fault.Message, fault);
        }
    }

    /// <summary>The parser leaves text as it is, and whoever reads it would fail: bytes that are no UTF-8, half a surrogate pair.</summary>
    /// <exception cref="InvalidOperationException">Some text is none.</exception>
    private static void CheckText(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.String) element.GetString();
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray()) CheckText(item);
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in element.EnumerateObject())
            {
                _ = member.Name;
                CheckText(member.Value);
            }
        }
    }

    private static bool IsBlank(in ReadOnlySequence<byte> line)
    {
        foreach (var segment in line)
            if (segment.Span.ContainsAnyExcept((byte)' ', (byte)'\t', (byte)'\r')) return false;
        return true;
    }
}
