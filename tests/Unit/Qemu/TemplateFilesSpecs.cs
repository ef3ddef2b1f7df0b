using System.Security.Cryptography;
using System.Text.Json.Nodes;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class TemplateFilesSpecs : IDisposable
{
    private const int Length = 16 * 4096;
    private static readonly TemplateDigest Digest = new(new string('a', 64));
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vmc-template");
    private readonly string _directory;

    public TemplateFilesSpecs()
    {
        _directory = _root.CreateSubdirectory(Digest.Value).CreateSubdirectory("1").FullName;
        var state = RandomNumberGenerator.GetBytes(1000);
        File.WriteAllBytes(TemplateFiles.State(_directory), state);
        using var memory = MemoryFile.Create("spec", Length);
        TemplateFiles.Write(_directory, Digest, DateTimeOffset.UnixEpoch, memory, state, CancellationToken.None);
    }

    public void Dispose() => _root.Delete(true);

    [Fact]
    public void Loads_what_was_written()
    {
        using var loaded = TemplateFiles.Load(_directory, Digest, CancellationToken.None).Memory;
        Assert.Equal(Length, loaded.Length);
    }

    [Theory]
    [InlineData("memoryLength", -1L)]
    [InlineData("memoryLength", 0L)]
    [InlineData("memoryLength", long.MinValue)]
    [InlineData("memoryLength", long.MaxValue)]
    [InlineData("memoryLength", 4096L)]
    [InlineData("memoryLength", 65537L)]
    [InlineData("memoryBytes", -1L)]
    [InlineData("memoryBytes", long.MaxValue)]
    [InlineData("madeAt", "0001-01-01T00:00:00+00:00")]
    public void Says_what_is_wrong_with_a_description_that_makes_no_sense(string key, object value)
    {
        var path = Path.Combine(_directory, "template.json");
        var description = JsonNode.Parse(File.ReadAllText(path))!;
        description[key] = value is long number ? number : (string)value;
        File.WriteAllText(path, description.ToJsonString());

        var fault = Assert.Throws<InvalidDataException>(() => TemplateFiles.Load(_directory, Digest, CancellationToken.None));

        Assert.Contains(value is long ? $"{value}" : key, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(TemplateOffer.MostState + 1)]
    public void Does_not_read_a_device_state_of_any_length(long length)
    {
        using (var file = File.OpenHandle(TemplateFiles.State(_directory), FileMode.Open, FileAccess.Write)) RandomAccess.SetLength(file, length);

        Assert.Contains($"{length} bytes", Assert.Throws<InvalidDataException>(() => TemplateFiles.Load(_directory, Digest, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Leaves_a_directory_alone_whose_name_is_no_time()
    {
        _root.CreateSubdirectory(Digest.Value).CreateSubdirectory(long.MaxValue.ToString(System.Globalization.CultureInfo.InvariantCulture));

        Assert.Equal([_directory], new TemplateDirectory(_root.FullName).Versions(Digest));
    }
}
