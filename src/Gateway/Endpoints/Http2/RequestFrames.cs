using System.Buffers;
using System.Buffers.Binary;

namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>
/// What a client of HTTP/2 sends on one connection, with a host's name in the place of each <c>:authority</c> that is none (RFC 9113, sections 4
/// and 6.2). All else stays as it is, byte for byte. What cannot be read goes on as it is too: to refuse it is the server's part.
/// </summary>
internal sealed class RequestFrames
{
    private const int PriorityLength = 5;

    /// <summary>Of a frame's payload: no server here allows more.</summary>
    private const int MostPayload = 16 * 1024;

    /// <summary>Of one header block with its frames; Kestrel takes 32 KiB of headers.</summary>
    private const int MostHeld = 40 * 1024;

    /// <summary>What is kept for the next block when a long one was read.</summary>
    private const int MostKept = 4 * 1024;

    private const byte EndHeaders = 0x4, Padded = 0x8, Priority = 0x20;

    private readonly HeaderBlocks _blocks = new();

    /// <summary>The preface, a frame's header, or all frames of a header block until its end.</summary>
    private ArrayBufferWriter<byte> _held = new();
    private ArrayBufferWriter<byte> _block = new();
    private Part _part = Part.Preface;

    /// <summary>Bytes until this part is whole.</summary>
    private int _missing = Frame.Preface.Length;

    /// <summary>In what is held, of the frame that is being read.</summary>
    private int _frame;

    /// <summary>Where its first frame's own fields stand, as long as a header block is not at its end. Null: there is none.</summary>
    private BlockStart? _start;

    private enum Part
    {
        Preface,
        Header,

        /// <summary>Of a frame without headers: it goes on at once.</summary>
        Payload,
        HeaderPayload,

        /// <summary>All goes on at once.</summary>
        Rest,
    }

    /// <summary>Takes all of the input; holds back what is not whole.</summary>
    public void Copy(ReadOnlySequence<byte> input, IBufferWriter<byte> output)
    {
        foreach (var segment in input) Copy(segment.Span, output);
    }

    /// <summary>The client has ended in the middle of what is held.</summary>
    public void End(IBufferWriter<byte> output)
    {
        output.Write(_held.WrittenSpan);
        (_held, _block) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        _part = Part.Rest;
    }

    private void Copy(ReadOnlySpan<byte> input, IBufferWriter<byte> output)
    {
        while (!input.IsEmpty)
        {
            if (_part == Part.Rest)
            {
                output.Write(input);
                return;
            }

            var read = Math.Min(_missing, input.Length);
            if (_part == Part.Payload) output.Write(input[..read]);
            else _held.Write(input[..read]);
            input = input[read..];
            _missing -= read;
            // A client of HTTP/1 may have said all that it has to say.
            if (_part == Part.Preface && !Frame.Preface.StartsWith(_held.WrittenSpan)) End(output);
            // A frame may be empty: then the next part is whole at once.
            while (_missing == 0 && _part != Part.Rest) Whole(output);
        }
    }

    private void Whole(IBufferWriter<byte> output)
    {
        switch (_part)
        {
            case Part.Preface:
                Release(output);
                break;
            case Part.Header:
                ReadHeader(output);
                break;
            case Part.Payload:
                Await(Part.Header, Frame.HeaderLength);
                break;
            case Part.HeaderPayload:
                ReadFragment(output);
                break;
        }
    }

    private void ReadHeader(IBufferWriter<byte> output)
    {
        var header = _held.WrittenSpan[_frame..];
        var length = Frame.PayloadLength(header);
        var type = Frame.Type(header);
        if (_start is null && type != Frame.Headers)
        {
            output.Write(header);
            _held.ResetWrittenCount();
            Await(Part.Payload, length);
            return;
        }

        // Within a block nothing comes but its own next frame.
        var expected = _start is null ? type == Frame.Headers : type == Frame.Continuation && header[5..].SequenceEqual(_held.WrittenSpan.Slice(5, 4));
        if (expected && length <= MostPayload && _held.WrittenCount + length <= MostHeld) Await(Part.HeaderPayload, length);
        else End(output);
    }

    private void ReadFragment(IBufferWriter<byte> output)
    {
        var frame = _held.WrittenSpan[_frame..];
        var flags = frame[4];
        var fragment = frame[Frame.HeaderLength..];
        if (_start is null)
        {
            var padding = 0;
            if ((flags & Padded) != 0)
            {
                // Without a byte that says how much, there is none.
                padding = fragment.IsEmpty ? int.MaxValue : fragment[0];
                fragment = fragment.IsEmpty ? fragment : fragment[1..];
            }

            var priority = (flags & Priority) != 0 ? PriorityLength : 0;
            if ((long)padding + priority > fragment.Length)
            {
                End(output);
                return;
            }

            _start = new BlockStart((byte)(flags & ~(Padded | EndHeaders)), fragment[..priority].ToArray());
            fragment = fragment[priority..^padding];
        }

        _block.Write(fragment);
        if ((flags & EndHeaders) == 0)
        {
            _frame = _held.WrittenCount;
            Await(Part.Header, Frame.HeaderLength);
            return;
        }

        ReadBlock(_start, output);
    }

    private void ReadBlock(BlockStart start, IBufferWriter<byte> output)
    {
        var rewritten = new ArrayBufferWriter<byte>();
        switch (_blocks.Read(_block.WrittenSpan, rewritten))
        {
            case BlockVerdict.Malformed:
                End(output);
                return;
            case BlockVerdict.Rewritten:
                WriteFrames(start, rewritten.WrittenSpan, output);
                _held.ResetWrittenCount();
                break;
        }

        Release(output);
    }

    /// <summary>Without the padding: whoever pads hides how long a host's name is, and this is a socket of this host.</summary>
    private void WriteFrames(BlockStart start, ReadOnlySpan<byte> block, IBufferWriter<byte> output)
    {
        var own = start.Priority.AsSpan();
        var stream = _held.WrittenSpan.Slice(5, 4);
        var type = Frame.Headers;
        do
        {
            var part = block[..Math.Min(block.Length, MostPayload - own.Length)];
            block = block[part.Length..];
            var header = output.GetSpan(Frame.HeaderLength)[..Frame.HeaderLength];
            header[0] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(header[1..], (ushort)(own.Length + part.Length));
            header[3] = type;
            header[4] = (byte)((type == Frame.Headers ? start.Flags : 0) | (block.IsEmpty ? EndHeaders : 0));
            stream.CopyTo(header[5..]);
            output.Advance(Frame.HeaderLength);
            output.Write(own);
            output.Write(part);
            own = default;
            type = Frame.Continuation;
        }
        while (!block.IsEmpty);
    }

    /// <summary>What is held goes on, and the next frame begins.</summary>
    private void Release(IBufferWriter<byte> output)
    {
        output.Write(_held.WrittenSpan);
        _start = null;
        Forget(ref _held);
        Forget(ref _block);
        Await(Part.Header, Frame.HeaderLength);
    }

    private static void Forget(ref ArrayBufferWriter<byte> buffer)
    {
        if (buffer.Capacity > MostKept) buffer = new ArrayBufferWriter<byte>();
        else buffer.ResetWrittenCount();
    }

    private void Await(Part part, int bytes)
    {
        (_part, _missing) = (part, bytes);
        if (part == Part.Header && _start is null) _frame = 0;
    }

    /// <param name="Flags">Of the first frame, without padding and end of headers.</param>
    private sealed record BlockStart(byte Flags, byte[] Priority);
}
