using System.Text.Json;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>QMP's messages as bytes, one line each.</summary>
internal static class QmpJson
{
    public static byte[] Greeting() => Line(w =>
    {
        w.WriteStartObject("QMP");
        w.WriteStartObject("version");
        Version(w);
        w.WriteEndObject();
        w.WriteStartArray("capabilities");
        w.WriteStringValue("oob");
        w.WriteEndArray();
        w.WriteEndObject();
    });

    /// <summary>The members of a version.</summary>
    public static void Version(Utf8JsonWriter w)
    {
        w.WriteStartObject("qemu");
        w.WriteNumber("micro", 22);
        w.WriteNumber("minor", 2);
        w.WriteNumber("major", 7);
        w.WriteEndObject();
        w.WriteString("package", "FakeQemu");
    }

    /// <param name="result">Writes one value; null for an empty object.</param>
    public static byte[] Return(JsonElement? id, Action<Utf8JsonWriter>? result) => Line(w =>
    {
        w.WritePropertyName("return");
        if (result is null)
        {
            w.WriteStartObject();
            w.WriteEndObject();
        }
        else
        {
            result(w);
        }
        Id(w, id);
    });

    public static byte[] Error(JsonElement? id, string errorClass, string desc) => Line(w =>
    {
        w.WriteStartObject("error");
        w.WriteString("class", errorClass);
        w.WriteString("desc", desc);
        w.WriteEndObject();
        Id(w, id);
    });

    /// <param name="data">Writes the members of "data"; null for none.</param>
    public static byte[] Event(string name, Action<Utf8JsonWriter>? data) => Line(w =>
    {
        var now = DateTime.UtcNow - DateTime.UnixEpoch;
        w.WriteStartObject("timestamp");
        w.WriteNumber("seconds", (long)now.TotalSeconds);
        w.WriteNumber("microseconds", now.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond);
        w.WriteEndObject();
        w.WriteString("event", name);
        if (data is null) return;
        w.WriteStartObject("data");
        data(w);
        w.WriteEndObject();
    });

    private static void Id(Utf8JsonWriter w, JsonElement? id)
    {
        if (id is not { } given) return;
        w.WritePropertyName("id");
        given.WriteTo(w);
    }

    private static byte[] Line(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        buffer.Write("\r\n"u8);
        return buffer.ToArray();
    }
}
