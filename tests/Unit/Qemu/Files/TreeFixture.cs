using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu.Files;

/// <summary>A tree to remove, and beside it files of the host's that must stay. Mounts go at the end, whatever happened.</summary>
public abstract class TreeFixture : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vmt-");

    protected TreeFixture()
    {
        Tree = Directory.CreateDirectory(At("vm")).FullName;
        Host = Directory.CreateDirectory(At("host")).FullName;
        Directory.CreateDirectory(Path.Combine(Host, "etc"));
        File.WriteAllText(Path.Combine(Host, "etc", "passwd"), "the host's");
        File.WriteAllText(Path.Combine(Host, "data"), "the host's");
    }

    protected string Tree { get; }

    protected string Host { get; }

    public void Dispose()
    {
        Mounts.DetachBelow(_root.FullName);
        Run("rm", "-rf", "--one-file-system", _root.FullName);
        GC.SuppressFinalize(this);
    }

    protected string At(string name) => Path.Combine(_root.FullName, name);

    /// <summary>A directory of the tree, with a file in it.</summary>
    protected string Made(params string[] names)
    {
        var directory = Directory.CreateDirectory(Path.Combine([Tree, .. names])).FullName;
        File.WriteAllText(Path.Combine(directory, "file"), "a client's");
        return directory;
    }

    protected void AssertHostIsWhole() => Assert.All(
        new[] { Path.Combine(Host, "etc", "passwd"), Path.Combine(Host, "data") },
        file => Assert.Equal("the host's", File.Exists(file) ? File.ReadAllText(file) : "deleted"));

    protected void AssertRemoved()
    {
        Assert.Empty(Mounts.Below(Tree));
        Assert.False(Path.Exists(Tree), $"{Tree} is left");
        AssertHostIsWhole();
    }

    protected static void SkipWithoutMounts() => Skip.If(Mounts.Refusal is not null, $"nothing can be mounted here: {Mounts.Refusal}");

    /// <returns>What it said when it failed; else null.</returns>
    protected static string? Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? null : error;
    }

    /// <summary>A directory by a name of any bytes but NUL.</summary>
    protected static byte[] MakeDirectory(string parent, params byte[] name)
    {
        byte[] path = [.. Encoding.UTF8.GetBytes(parent + "/"), .. name, 0];
        if (MakeDirectory(path, 0x1C0) != 0) throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        return path;
    }

    protected static void Bind(string source, byte[] target)
    {
        if (Mount(source, target, null, 4096, 0) != 0) throw new IOException(Marshal.GetLastPInvokeErrorMessage());
    }

    [DllImport("libc", EntryPoint = "mkdir", SetLastError = true)]
    private static extern int MakeDirectory(byte[] path, uint mode);

    [DllImport("libc", EntryPoint = "mount", SetLastError = true)]
    private static extern int Mount(string source, byte[] target, string? type, ulong flags, nint data);
}
