using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using VmCacheCluster.Gateway.Endpoints.Http2;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>
/// Tells a client of HTTP/2 why its connection is closed: an empty SETTINGS, which must come first, and GOAWAY with the reason (RFC 9113, 6.8) as
/// soon as the client has made a call. A client of .NET that hears GOAWAY before has no call to end with the reason, and tells an error of its own.
/// </summary>
internal static class Goodbye
{
    private const int GoAwayFixed = 8;
    private const uint EnhanceYourCalm = 0xb;

    /// <summary>Of what a client says before its first call.</summary>
    private const int MostHeard = 16 * 1024;

    /// <summary>How long a client may take to make a call, and then to hear the answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Ends when the client has hung up, or had its time: one that is still writing when its connection is closed would never read why.</summary>
    public static async Task SayAsync(ConnectionContext connection, string reason)
    {
        try
        {
            // Some clients make no call before they have heard the server's settings.
            await connection.Transport.Output.WriteAsync(Settings);
            var input = connection.Transport.Input;
            await HearCallAsync(input);
            using var limit = new CancellationTokenSource(Patience);
            await connection.Transport.Output.WriteAsync(GoAway(reason), limit.Token);
            while (await input.ReadAsync(limit.Token) is { IsCompleted: false } read) input.AdvanceTo(read.Buffer.End);
        }
        catch (Exception gone) when (gone is IOException or ConnectionAbortedException or InvalidOperationException or OperationCanceledException)
        {
            // The client has hung up already, or does not listen.
        }
    }

    public static byte[] Settings => [0, 0, 0, Frame.Settings, 0, 0, 0, 0, 0];

    public static byte[] GoAway(string reason)
    {
        var text = Encoding.UTF8.GetBytes(reason);
        var frame = new byte[Frame.HeaderLength + GoAwayFixed + text.Length];
        // A length has 24 bits, and the first 8 are zero for a text as short as this.
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)(GoAwayFixed + text.Length));
        frame[3] = Frame.GoAway;
        // Of the last stream's number nothing is set: no call of the client was taken, and it may make each anew.
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(Frame.HeaderLength + 4), EnhanceYourCalm);
        text.CopyTo(frame.AsSpan(Frame.HeaderLength + GoAwayFixed));
        return frame;
    }

    private static async Task HearCallAsync(PipeReader input)
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(limit.Token);
                var (heard, end) = (HasCall(read.Buffer) || read.Buffer.Length > MostHeard || read.IsCompleted, read.Buffer.End);
                input.AdvanceTo(heard ? end : read.Buffer.Start, end);
                if (heard) return;
            }
        }
        catch (OperationCanceledException)
        {
            // A client that makes no call is told all the same.
        }
    }

    /// <param name="said">By the client, from its first byte on.</param>
    public static bool HasCall(ReadOnlySequence<byte> said)
    {
        Span<byte> header = stackalloc byte[Frame.HeaderLength];
        for (long at = Frame.Preface.Length; at + Frame.HeaderLength <= said.Length;)
        {
            said.Slice(at, Frame.HeaderLength).CopyTo(header);
            if (Frame.Type(header) == Frame.Headers) return true;
            at += Frame.HeaderLength + Frame.PayloadLength(header);
        }

        return false;
    }
}
