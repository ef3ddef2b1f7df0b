using System.Buffers.Binary;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>Tells a client of HTTP/2 why its connection is closed: an empty SETTINGS, which must come first, and GOAWAY with the reason (RFC 9113, 6.8).</summary>
internal static class Goodbye
{
    private const int FrameHeader = 9;
    private const int GoAwayFixed = 8;
    private const byte Settings = 4, GoAway = 7;
    private const uint EnhanceYourCalm = 0xb;

    /// <summary>How long a client may take to hear it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Ends when the client has hung up, or had its time: one that is still writing when its connection is closed would never read why.</summary>
    public static async Task SayAsync(ConnectionContext connection, string reason)
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            // .NET's client, told before its first words are out, has only an error of its own to tell.
            var input = connection.Transport.Input;
            input.AdvanceTo((await input.ReadAsync(limit.Token)).Buffer.End);
            await connection.Transport.Output.WriteAsync(Frames(reason), limit.Token);
            while (await input.ReadAsync(limit.Token) is { IsCompleted: false } read) input.AdvanceTo(read.Buffer.End);
        }
        catch (Exception gone) when (gone is IOException or ConnectionAbortedException or InvalidOperationException or OperationCanceledException)
        {
            // The client has hung up already, or does not listen.
        }
    }

    public static byte[] Frames(string reason)
    {
        var text = Encoding.UTF8.GetBytes(reason);
        var frames = new byte[2 * FrameHeader + GoAwayFixed + text.Length];
        frames[3] = Settings;
        var second = frames.AsSpan(FrameHeader);
        // A length has 24 bits, and the first 8 are zero for a text as short as this.
        BinaryPrimitives.WriteUInt16BigEndian(second[1..], (ushort)(GoAwayFixed + text.Length));
        second[3] = GoAway;
        // Of the last stream's number nothing is set: no call of the client was taken, and it may make each anew.
        BinaryPrimitives.WriteUInt32BigEndian(second[(FrameHeader + 4)..], EnhanceYourCalm);
        text.CopyTo(second[(FrameHeader + GoAwayFixed)..]);
        return frames;
    }
}
