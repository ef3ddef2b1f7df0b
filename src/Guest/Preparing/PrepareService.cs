using System.Buffers;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Services;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>
/// vmcache.guest.v1.Guest/Prepare: makes the guest its holder's own. It starts no program and syncs nothing: the answer is
/// on the path of every VM that is handed out.
/// </summary>
internal sealed class PrepareService(PreparedEnvironment environment, IdentityFiles identity)
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");
    private static readonly SearchValues<char> HostnameCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");

    private readonly Lock _gate = new();

    /// <summary>One at a time, whichever host it comes from.</summary>
    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT, naming what is wrong: nothing was done.</exception>
    /// <exception cref="LinuxException">The kernel or the file system failed; the guest is half prepared.</exception>
    public PrepareResponse Prepare(PrepareRequest request)
    {
        lock (_gate)
        {
            var files = Check(request, new GuestFiles());
            RandomDevice.Reseed(request.Entropy.Span);
            Clock.Set(request.Seconds, request.Nanoseconds);
            HostName.Set(request.Hostname);
            identity.WriteHostname(request.Hostname);
            identity.WriteMachineId(request.MachineId);
            files.WriteAll();
            environment.Variables = request.Environment;
            return Done(request, files);
        }
    }

    /// <summary>
    /// Goes through a Prepare that changes nothing. Code that runs for the first time is read from the image page by page,
    /// and without KVM translated, which takes several times what it takes later: paid while the VM boots, it does not
    /// delay the hand-out.
    /// </summary>
    public void Rehearse()
    {
        lock (_gate) RehearseAlone();
    }

    private void RehearseAlone()
    {
        var now = DateTimeOffset.UtcNow;
        var hostname = Descriptor.ReadSmallFile(IdentityFiles.HostnamePath) ?? "localhost";
        var sample = new PrepareRequest
        {
            Entropy = ByteString.CopyFrom(new byte[PrepareLimits.LeastEntropyBytes]),
            Seconds = now.ToUnixTimeSeconds(),
            Nanoseconds = (uint)now.Nanosecond,
            MachineId = new string('0', PrepareLimits.MachineIdLength),
            Hostname = hostname,
            Environment = { ["NAME"] = "value" },
            Files = { new PrepareFile { Path = "/run/rehearsal/file", Content = ByteString.CopyFromUtf8("content") } },
        };
        try
        {
            var request = PrepareRequest.Parser.ParseFrom(sample.ToByteArray());
            var files = Check(request, new GuestFiles());
            RandomDevice.Reseed(request.Entropy.Span, bits: 0);
            HostName.Set(hostname);
            identity.Open(hostname);
            Clock.Set(DateTimeOffset.UtcNow.ToUnixTimeSeconds(), DateTimeOffset.UtcNow.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
            _ = Done(request, files).ToByteArray();
            FreshHeap.Touch();
        }
        catch (Exception fault) when (fault is TtrpcStatusException or LinuxException)
        {
            KernelLog.Info($"not rehearsed: {fault.Message}");
        }
    }

    /// <returns>The request's files, which can be written.</returns>
    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT, naming what is wrong.</exception>
    public static GuestFiles Check(PrepareRequest request, GuestFiles files)
    {
        if (request.Entropy.Length is < PrepareLimits.LeastEntropyBytes or > PrepareLimits.MostEntropyBytes)
        {
            throw Faults.Invalid(
                $"entropy: {request.Entropy.Length} bytes are not between {PrepareLimits.LeastEntropyBytes} and {PrepareLimits.MostEntropyBytes}");
        }

        Clock.Check(request.Seconds, request.Nanoseconds);
        if (request.MachineId.Length != PrepareLimits.MachineIdLength || request.MachineId.AsSpan().ContainsAnyExcept(HexDigits))
            throw Faults.Invalid($"machine_id: {Faults.Quote(request.MachineId)} is not 32 lower-case hexadecimal digits");
        if (request.Hostname.Length is 0 or > PrepareLimits.HostnameLength || request.Hostname.AsSpan().ContainsAnyExcept(HostnameCharacters))
            throw Faults.Invalid($"hostname: {Faults.Quote(request.Hostname)} is not 1 to {PrepareLimits.HostnameLength} of [A-Za-z0-9.-]");
        EnvironmentRules.CheckAll(request.Environment);
        files.Add(request.Files);
        return files;
    }

    private static PrepareResponse Done(PrepareRequest request, GuestFiles files) => new()
    {
        Reseeded = true,
        ClockSet = true,
        MachineId = request.MachineId,
        Hostname = request.Hostname,
        Environment = (uint)request.Environment.Count,
        Files = (uint)files.Count,
    };
}
