using System.Globalization;
using Google.Protobuf;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Cli;

/// <summary>Files of the host that go into a guest: <c>HOST:GUEST[:MODE]</c>.</summary>
internal static class HostFiles
{
    /// <summary>What vmcached takes of one file: a larger one is not even read.</summary>
    private const int Largest = 1 << 20;

    /// <exception cref="CliException">The word is not of the form, or the file cannot be read.</exception>
    internal static GuestFile Read(string word)
    {
        var parts = word.Split(':');
        if (parts.Length is not (2 or 3) || parts[0].Length == 0 || !parts[1].StartsWith('/'))
        {
            throw CliException.Usage($"--file '{word}' is not of the form HOST:GUEST[:MODE], such as ./run.sh:/usr/bin/run:755 (GUEST is absolute)");
        }

        try
        {
            var given = parts.Length == 3 ? Mode(word, parts[2]) : (uint?)null;
            var content = RegularFile.Read(parts[0], Largest, out var own);
            return new GuestFile { Path = parts[1], Mode = given ?? (uint)own, Content = ByteString.CopyFrom(content) };
        }
        catch (FileTooLargeException fault)
        {
            throw CliException.Usage($"--file '{parts[0]}' cannot be read: {fault.Message}; larger ones belong into the guest's image");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"--file '{parts[0]}' cannot be read: {fault.Message}");
        }
    }

    private static uint Mode(string word, string text)
    {
        var octal = text.Length is > 0 and <= 5 && text.All(c => c is >= '0' and <= '7') ? Convert.ToUInt32(text, 8) : uint.MaxValue;
        return octal is > 0 and <= 0xFFF
            ? octal
            : throw CliException.Usage(string.Create(CultureInfo.InvariantCulture, $"--file '{word}': the mode '{text}' is no octal number from 1 to 7777"));
    }
}
