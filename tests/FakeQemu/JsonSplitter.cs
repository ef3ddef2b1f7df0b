using System.Text.Json;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>Cuts a stream of JSON values apart, however they are spaced; QMP does not demand lines.</summary>
internal sealed class JsonSplitter
{
    private byte[] _buffer = new byte[1024];
    private int _length;

    /// <summary>The values one by one; null for what is no JSON, after which it goes on with the next line.</summary>
    public async IAsyncEnumerable<JsonDocument?> ReadAsync(Stream stream)
    {
        while (true)
        {
            while (TryTake(out var value)) yield return value;
            if (_length == _buffer.Length) Array.Resize(ref _buffer, _length * 2);
            var read = await stream.ReadAsync(_buffer.AsMemory(_length));
            if (read == 0) yield break;
            _length += read;
        }
    }

    private bool TryTake(out JsonDocument? value)
    {
        value = null;
        var reader = new Utf8JsonReader(_buffer.AsSpan(0, _length), isFinalBlock: false, default);
        try
        {
            if (!JsonDocument.TryParseValue(ref reader, out value)) return false;
            Drop((int)reader.BytesConsumed);
        }
        catch (JsonException)
        {
            var newline = _buffer.AsSpan(0, _length).IndexOf((byte)'\n');
            Drop(newline < 0 ? _length : newline + 1);
        }
        return true;
    }

    private void Drop(int count)
    {
        _buffer.AsSpan(count, _length - count).CopyTo(_buffer);
        _length -= count;
    }
}
