using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace VmCacheCluster.Client;

/// <summary>
/// What <c>google.rpc.Status</c> says beyond code and message. Read by hand: the generated types of google.rpc would cost
/// the CLI more than the four fields that matter here.
/// </summary>
internal sealed record StatusDetails(string Reason, IReadOnlyDictionary<string, string> Metadata, TimeSpan? RetryAfter)
{
    internal const string Trailer = "grpc-status-details-bin";

    private static readonly StatusDetails None = new("", new Dictionary<string, string>(), null);

    /// <summary>Never fails: details that cannot be read are no details.</summary>
    internal static StatusDetails Of(Metadata trailers)
    {
        var bytes = trailers.GetValueBytes(Trailer);
        if (bytes is null)
        {
            return None;
        }

        try
        {
            return Read(new CodedInputStream(bytes));
        }
        catch (InvalidProtocolBufferException)
        {
            return None;
        }
    }

    private static StatusDetails Read(CodedInputStream status)
    {
        var details = None;
        for (uint tag; (tag = status.ReadTag()) != 0;)
        {
            if (WireFormat.GetTagFieldNumber(tag) == 3 && IsBytes(tag))
            {
                details = details.With(Any.Parser.ParseFrom(status.ReadBytes()));
            }
            else
            {
                status.SkipLastField();
            }
        }

        return details;
    }

    private StatusDetails With(Any detail) => detail.TypeUrl[(detail.TypeUrl.LastIndexOf('/') + 1)..] switch
    {
        "google.rpc.ErrorInfo" => WithErrorInfo(detail.Value.CreateCodedInput()),
        "google.rpc.RetryInfo" => WithRetryInfo(detail.Value.CreateCodedInput()),
        _ => this,
    };

    private StatusDetails WithErrorInfo(CodedInputStream info)
    {
        var reason = "";
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        for (uint tag; (tag = info.ReadTag()) != 0;)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1 when IsBytes(tag):
                    reason = info.ReadString();
                    break;
                case 3 when IsBytes(tag):
                    var (key, value) = ReadEntry(info.ReadBytes().CreateCodedInput());
                    metadata[key] = value;
                    break;
                default:
                    info.SkipLastField();
                    break;
            }
        }

        return this with { Reason = reason, Metadata = metadata };
    }

    private static (string Key, string Value) ReadEntry(CodedInputStream entry)
    {
        var (key, value) = ("", "");
        for (uint tag; (tag = entry.ReadTag()) != 0;)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1 when IsBytes(tag):
                    key = entry.ReadString();
                    break;
                case 2 when IsBytes(tag):
                    value = entry.ReadString();
                    break;
                default:
                    entry.SkipLastField();
                    break;
            }
        }

        return (key, value);
    }

    private StatusDetails WithRetryInfo(CodedInputStream info)
    {
        var details = this;
        for (uint tag; (tag = info.ReadTag()) != 0;)
        {
            if (WireFormat.GetTagFieldNumber(tag) == 1 && IsBytes(tag))
            {
                var delay = Duration.Parser.ParseFrom(info.ReadBytes());
                // A year's cap keeps a nonsensical delay from overflowing a TimeSpan.
                var seconds = Math.Clamp(delay.Seconds + (delay.Nanos / 1e9), 0, 31_536_000);
                details = details with { RetryAfter = TimeSpan.FromSeconds(seconds) };
            }
            else
            {
                info.SkipLastField();
            }
        }

        return details;
    }

    private static bool IsBytes(uint tag) => WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited;
}
