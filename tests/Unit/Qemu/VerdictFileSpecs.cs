using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>accelerator.json, of this version and of earlier ones.</summary>
public sealed class VerdictFileSpecs : IDisposable
{
    private static readonly Guid Boot = Guid.Parse("5f0c7a52-3a55-4c83-9f19-2f4f2d0c9a11");
    private static readonly AcceleratorVerdict Ran = new(Accelerator.Kvm, "KVM ran the guest in 0.8 s");
    private static readonly AcceleratorVerdict Refused = new(Accelerator.Tcg, "KVM refuses the guest: failed to set MSR 0x10a");

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("verdicts");

    public static TheoryData<string> Versions
    {
        get
        {
            var all = new TheoryData<string>();
            foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests/Unit/Qemu/fixtures/accelerator"))) all.Add(Path.GetFileName(file));
            return all;
        }
    }

    private string Written => Path.Combine(_directory.FullName, "accelerator.json");

    public void Dispose() => _directory.Delete(recursive: true);

    /// <summary>What spoke against KVM may have been a minute of load: it is proved once more.</summary>
    [Theory]
    [MemberData(nameof(Versions))]
    public void Keeps_of_an_earlier_versions_verdicts_that_kvm_ran_the_guest(string version)
    {
        File.Copy(Path.Combine(Repository.Root, "tests/Unit/Qemu/fixtures/accelerator", version), Written);
        var verdicts = new VerdictFile(Written, Boot);

        Assert.Equal(Ran, verdicts.Find("ran"));
        Assert.Null(verdicts.Find("late"));
        verdicts.Remember("late", Refused);

        Assert.Equal((Ran, Refused), (new VerdictFile(Written, Boot).Find("ran"), new VerdictFile(Written, Boot).Find("late")));
    }

    [Fact]
    public void Keeps_what_is_settled_for_this_boot_of_the_host()
    {
        new VerdictFile(Written, Boot).Remember("a", Refused);

        Assert.Equal(Refused, new VerdictFile(Written, Boot).Find("a"));
        Assert.Null(new VerdictFile(Written, Guid.NewGuid()).Find("a"));
    }

    /// <summary>As an older daemon meets what a newer one wrote, and the other way round.</summary>
    [Theory]
    [InlineData("\"version\": 1,", "\"version\": 1, \"later\": [1],", true)]
    [InlineData("\"refused\": true", "\"refused\": true, \"later\": null", true)]
    [InlineData("\"version\": 1,", "\"version\": 2,", false)]
    [InlineData("\"Tcg\"", "\"Other\"", false)]
    public void Reads_over_what_it_does_not_know(string now, string then, bool known)
    {
        new VerdictFile(Written, Boot).Remember("a", Refused);
        var text = File.ReadAllText(Written);
        Assert.Contains(now, text, StringComparison.Ordinal);
        File.WriteAllText(Written, text.Replace(now, then, StringComparison.Ordinal));

        Assert.Equal(known ? Refused : null, new VerdictFile(Written, Boot).Find("a"));
    }

    [Fact]
    public void Forgets_refusals_alone()
    {
        var verdicts = new VerdictFile(Written, Boot);
        verdicts.Remember("a", Refused);
        verdicts.Remember("b", Ran);

        verdicts.ForgetRefusals();

        Assert.Null(verdicts.Find("a"));
        Assert.Equal(Ran, new VerdictFile(Written, Boot).Find("b"));
    }

    [Fact]
    public void Has_nothing_to_forget_when_there_is_no_file()
    {
        new VerdictFile(Written, Boot).ForgetRefusals();

        Assert.False(File.Exists(Written));
    }
}
