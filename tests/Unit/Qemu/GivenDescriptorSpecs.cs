using System.Net.Sockets;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>What a program is given open.</summary>
public sealed class GivenDescriptorSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmcache-given");

    public void Dispose() => _directory.Delete(recursive: true);

    /// <summary>Each is given under the number that the other one has here.</summary>
    [Fact]
    public async Task Has_the_number_that_the_program_expects_and_no_other_file_is_open()
    {
        using var a = File.OpenHandle(Write("a"));
        using var b = File.OpenHandle(Write("b"));
        var (ofA, ofB) = ((int)a.DangerousGetHandle(), (int)b.DangerousGetHandle());

        var open = await RunAsync("for fd in /proc/$$/fd/*; do echo ${fd##*/} $(readlink $fd); done", [new(ofB, a), new(ofA, b)]);

        string[] expected = ["0 /dev/null", $"1 {At("log")}", $"2 {At("log")}", $"{ofA} {At("b")}", $"{ofB} {At("a")}"];
        // The shell's own: the directory that it reads, and the pipe that it reads from.
        Assert.Equal(
            expected.Order(StringComparer.Ordinal),
            open.Where(line => line.Contains(' ', StringComparison.Ordinal)).Where(line => !line.EndsWith("/fd", StringComparison.Ordinal) && !line.Contains("pipe:", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Is_a_socket_whose_name_stays_until_the_program_ends()
    {
        var path = At("socket");
        using (var socket = ListeningSocket.Listen(path))
        {
            using var process = QemuProcess.Start(new ProgramStart("/bin/sleep", ["1000"], At("log")) { Files = [new GivenDescriptor(3, socket)] });
            socket.Dispose();

            Assert.True(await ConnectsAsync(path), "the program has it");
            process.Kill();
            await process.Exited.WaitAsync(Eventually.Patience);
        }

        Assert.True(Path.Exists(path));
        Assert.False(await ConnectsAsync(path), "nobody has it");
    }

    [Fact]
    public void Says_where_a_socket_cannot_be_made()
    {
        var taken = Write("taken");

        Assert.Equal($"cannot listen on {taken}: Address already in use", Assert.Throws<IOException>(() => ListeningSocket.Listen(taken)).Message);
        Assert.Contains("no such file", Assert.Throws<IOException>(() => ListeningSocket.Listen(At("nowhere/socket"))).Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Linux takes at most 107", Assert.Throws<IOException>(() => ListeningSocket.Listen(At(new string('s', 120)))).Message, StringComparison.Ordinal);
    }

    private async Task<string[]> RunAsync(string script, IReadOnlyList<GivenDescriptor> files)
    {
        using var process = QemuProcess.Start(new ProgramStart("/bin/sh", ["-c", script], At("log")) { Files = files });
        Assert.Equal("exited with status 0", await process.Exited.WaitAsync(Eventually.Patience));
        return File.ReadAllLines(At("log"));
    }

    private static async Task<bool> ConnectsAsync(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private string At(string name) => Path.Combine(_directory.FullName, name);

    private string Write(string name)
    {
        File.WriteAllText(At(name), name);
        return At(name);
    }
}
