using System.Reflection;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;

/// <summary>Kestrel's own tables of HPACK, which it keeps to itself.</summary>
internal static class KestrelHpack
{
    private static readonly Assembly Kestrel = typeof(KestrelServer).Assembly;

    /// <returns>The code of a byte, and its length in bits.</returns>
    public static (uint Code, int Bits) Encode(int symbol)
    {
        var (code, bits) = ((uint, int))Method("System.Net.Http.HPack.Huffman", "Encode").Invoke(null, [symbol])!;
        // Its codes begin at the highest of 32 bits.
        return (code >> (32 - bits), bits);
    }

    public static int StaticCount => (int)Type("System.Net.Http.HPack.H2StaticTable").GetProperty("Count", Any)!.GetValue(null)!;

    public static string StaticName(int index)
    {
        var field = Method("System.Net.Http.HPack.H2StaticTable", "Get").Invoke(null, [index - 1])!;
        return System.Text.Encoding.ASCII.GetString((byte[])field.GetType().GetProperty("Name", Any)!.GetValue(field)!);
    }

    private const BindingFlags Any = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;

    private static Type Type(string name) => Kestrel.GetType(name, throwOnError: true)!;

    private static MethodInfo Method(string type, string name) => Type(type).GetMethod(name, Any)!;
}
