using System.Diagnostics;
using System.Text.Json;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Scripts;

/// <summary>What the product is built from.</summary>
public sealed class SupplySpecs : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>A package with a vulnerability that is known since 2022 (GHSA-5crp-9r3c-p9vr): a feed that does not tell of it tells of none.</summary>
    private const string Vulnerable = """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>false</NuGetAudit></PropertyGroup>
          <ItemGroup><PackageReference Include="Newtonsoft.Json" Version="12.0.1"/></ItemGroup>
        </Project>
        """;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("supply");

    public void Dispose() => _directory.Delete(recursive: true);

    [SkippableFact]
    public async Task Holds_no_package_with_a_vulnerability_that_is_known()
    {
        var project = Path.Combine(_directory.FullName, "vulnerable.csproj");
        File.WriteAllText(project, Vulnerable);
        Skip.If((await DotnetAsync("restore", project)).Status != 0, "the feed cannot be reached");
        Skip.If((await VulnerableAsync(project)).Count == 0, "the feed does not tell of vulnerabilities");

        Assert.Empty(await VulnerableAsync(Path.Combine(Repository.Root, "VmCacheCluster.sln")));
    }

    /// <summary>Of a project or solution that was restored.</summary>
    private async Task<IReadOnlyList<string>> VulnerableAsync(string path)
    {
        var (status, text) = await DotnetAsync("list", path, "package", "--vulnerable", "--include-transitive", "--format", "json", "--output-version", "1");
        Assert.True(status == 0, text);
        return [.. Packages(JsonDocument.Parse(text).RootElement).Distinct()];
    }

    private static IEnumerable<string> Packages(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Packages),
        JsonValueKind.Object when element.TryGetProperty("vulnerabilities", out var known)
            => [$"{element.GetProperty("id")} {element.GetProperty("resolvedVersion")}: {known}"],
        JsonValueKind.Object => element.EnumerateObject().SelectMany(member => Packages(member.Value)),
        _ => [],
    };

    private async Task<(int Status, string Text)> DotnetAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _directory.FullName };
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Patience);
        var errors = process.StandardError.ReadToEndAsync(limit.Token);
        var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
        await errors;
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, output);
    }
}
