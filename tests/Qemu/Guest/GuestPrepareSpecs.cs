using System.Globalization;
using System.Security.Cryptography;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using Xunit;
using static VmCacheCluster.Tests.Qemu.Guest.GuestPrograms;

namespace VmCacheCluster.Tests.Qemu.Guest;

[Trait("Category", "Qemu")]
[Collection("guests of their own")]
public sealed class GuestPrepareSpecs(BootedGuest guest) : IClassFixture<BootedGuest>, IAsyncLifetime
{
    private const uint OwnerOnly = 0x180;
    private TtrpcClient _client = null!;

    public async Task InitializeAsync() => _client = await guest.ConnectAsync();

    public async Task DisposeAsync() => await _client.DisposeAsync();

    [Fact]
    public async Task Is_its_holders_own_when_it_was_prepared_after_a_pause()
    {
        await guest.QmpAsync("stop");
        await guest.QmpAsync("cont");
        var request = Request("holder-1", 'b');
        request.Seconds = new DateTimeOffset(2031, 4, 5, 6, 7, 8, TimeSpan.Zero).ToUnixTimeSeconds();
        request.Environment["GREETING"] = "grüß Gott";
        request.Environment["PATH"] = "/opt/bin:/bin:/usr/bin";
        request.Files.Add(new PrepareFile { Path = "/opt/bin/hello", Mode = 0x1ED, Content = ByteString.CopyFromUtf8("#!/bin/sh\necho hello $GREETING\n") });
        request.Files.Add(new PrepareFile { Path = "/run/secrets/token", Mode = OwnerOnly, Content = ByteString.CopyFromUtf8("secret") });

        var done = await PrepareAsync(request);

        Assert.Equal(
            new PrepareResponse { Reseeded = true, ClockSet = true, Hostname = "holder-1", MachineId = request.MachineId, Environment = 2, Files = 2 }, done);
        Assert.Equal("hello grüß Gott\n", (await _client.RunAsync("hello")).Output);
        Assert.Equal("600 secret", await ShellAsync("stat -c '%a' /run/secrets/token; cat /run/secrets/token"));
        Assert.Equal($"holder-1 holder-1 444 {request.MachineId}", await ShellAsync("hostname; cat /etc/hostname; stat -c '%a' /etc/machine-id; cat /etc/machine-id"));
        var read = long.Parse(await ShellAsync("date -u +%s"), CultureInfo.InvariantCulture) - request.Seconds;
        Assert.InRange(read, 0, (long)BootedGuest.Patience.TotalSeconds);
    }

    [Fact]
    public async Task Has_the_last_holders_things_alone_when_it_was_prepared_twice()
    {
        var first = Request("first", 'c');
        first.Environment["OLD"] = "old";
        first.Environment["BOTH"] = "old";
        await PrepareAsync(first);
        var second = Request("second", 'd');
        second.Environment["BOTH"] = "new";
        await PrepareAsync(second);

        Assert.Equal($"second {second.MachineId} -new", await ShellAsync("hostname; cat /etc/machine-id; echo \"$OLD-$BOTH\""));
    }

    [Fact]
    public async Task Gives_a_program_its_own_variables_before_those_of_the_preparation()
    {
        var request = Request("own", 'e');
        request.Environment["WHOSE"] = "prepared";
        await PrepareAsync(request);
        var start = Start("sh", "-c", "echo $WHOSE");
        start.Env["WHOSE"] = "own";

        Assert.Equal("own\n", (await _client.RunAsync(start)).Output);
        Assert.Equal("prepared", await ShellAsync("echo $WHOSE"));
    }

    [Fact]
    public async Task Does_nothing_when_one_thing_is_wrong()
    {
        await PrepareAsync(Request("before", 'f'));
        await ShellAsync("rm -rf /tmp/real /tmp/link; mkdir /tmp/real; ln -s /tmp/real /tmp/link");
        var request = Request("after", '0');
        request.Environment["NEW"] = "new";
        request.Files.Add(new PrepareFile { Path = "/tmp/fine" });
        request.Files.Add(new PrepareFile { Path = "/tmp/link/through" });

        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(() => PrepareAsync(request));

        Assert.Equal(TtrpcStatusCode.InvalidArgument, fault.Code);
        Assert.StartsWith("files[1]: '/tmp/link/through'", fault.Message, StringComparison.Ordinal);
        Assert.Equal("before link real -", await ShellAsync("hostname; ls /tmp; echo \"-$NEW\""));
    }

    [Fact]
    public async Task Takes_as_much_as_is_allowed_at_once()
    {
        var content = RandomNumberGenerator.GetBytes(PrepareLimits.FileBytes);
        var request = Request("large", '1');
        for (var i = 0; i < PrepareLimits.AllFilesBytes / PrepareLimits.FileBytes; i++)
            request.Files.Add(new PrepareFile { Path = $"/root/large/{i}", Content = ByteString.CopyFrom(content) });

        Assert.Equal(3u, (await PrepareAsync(request))!.Files);

        var sums = await ShellAsync("sha256sum /root/large/* | cut -c1-64; rm -r /root/large");
        Assert.Equal(Enumerable.Repeat(Convert.ToHexStringLower(SHA256.HashData(content)), 3), sums.Split(' '));
    }

    private Task<PrepareResponse?> PrepareAsync(PrepareRequest request) => new AgentClient(_client).PrepareAsync(request, CancellationToken.None);

    /// <summary>The output of a shell command, its lines joined by blanks.</summary>
    private async Task<string> ShellAsync(string command)
    {
        var result = await _client.RunAsync("sh", "-c", command);
        Assert.Equal(("", 0), (result.Errors, result.Exited.Status));
        return result.Output.Trim().ReplaceLineEndings(" ");
    }

    private static PrepareRequest Request(string hostname, char digit) => new()
    {
        Entropy = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(512)),
        Seconds = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
        MachineId = new string(digit, PrepareLimits.MachineIdLength),
        Hostname = hostname,
    };
}
