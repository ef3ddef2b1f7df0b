using System.Net.Sockets;
using VmCacheCluster.Kata.Files;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

public sealed class RegularFileSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmf");

    public void Dispose() => _directory.Delete(true);

    [Fact]
    public void Reads_a_file_with_its_mode()
    {
        var path = At("file");
        File.WriteAllBytes(path, new byte[100_000]);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        Assert.Equal(100_000, RegularFile.Read(path, 100_000, out var mode).Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserExecute, mode);
        Assert.Equal(10, RegularFile.Begin(path, 10).Length);
        Assert.Contains("more than 99999 bytes", Assert.Throws<FileTooLargeException>(() => RegularFile.Read(path, 99_999)).Message);
    }

    [Fact]
    public void Reads_what_a_link_leads_to_and_what_knows_no_size()
    {
        File.WriteAllText(At("file"), "\uFEFFtext");
        File.CreateSymbolicLink(At("link"), At("file"));

        Assert.Equal("text", RegularFile.ReadText(At("link"), 100));
        Assert.StartsWith("Linux version", RegularFile.ReadText("/proc/version", 4096));
        Assert.Throws<FileTooLargeException>(() => RegularFile.Read("/proc/self/maps", 100));
    }

    /// <summary>Nobody writes into the FIFO: whoever opens it as a file waits for ever.</summary>
    [Fact]
    public async Task Refuses_by_its_name_whatever_is_no_regular_file()
    {
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [At("fifo")])) await mkfifo.WaitForExitAsync();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(At("socket")));

        await AssertRefusedAsync(At("fifo"), "it is a FIFO");
        await AssertRefusedAsync(At("socket"), "it is a socket");
        await AssertRefusedAsync("/dev/zero", "it is a device");
        await AssertRefusedAsync(_directory.FullName, "it is a directory");
        Assert.Throws<FileNotFoundException>(() => RegularFile.Read(At("none"), 1));
    }

    private static async Task AssertRefusedAsync(string path, string reason)
        => Assert.Contains(reason, (await Assert.ThrowsAsync<IOException>(() => Task.Run(() => RegularFile.Read(path, 100)).WaitAsync(TimeSpan.FromSeconds(60)))).Message);

    private string At(string name) => Path.Combine(_directory.FullName, name);
}
