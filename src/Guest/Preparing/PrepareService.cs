using System.Buffers;
using System.Text;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Guest.Services;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Preparing;

/// <summary>
/// vmcache.guest.v1.Guest/Prepare: makes the guest its holder's own. It starts no program and syncs nothing: the answer is
/// on the path of every VM that is handed out.
/// </summary>
internal sealed class PrepareService(PreparedEnvironment environment)
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");
    private static readonly SearchValues<char> HostnameCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");

    private readonly Lock _oneAtATime = new();

    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT, naming what is wrong: nothing was done.</exception>
    /// <exception cref="LinuxException">The kernel or the file system failed; the guest is half prepared.</exception>
    public PrepareResponse Prepare(PrepareRequest request)
    {
        lock (_oneAtATime)
        {
            var files = Check(request, new GuestFiles());
            RandomDevice.Reseed(request.Entropy.Span);
            Clock.Set(request.Seconds, request.Nanoseconds);
            HostName.Set(request.Hostname);
            files.Write("/etc/hostname", GuestFiles.DefaultMode, Encoding.ASCII.GetBytes(request.Hostname + "\n"));
            files.Write("/etc/machine-id", GuestFiles.ReadOnlyMode, Encoding.ASCII.GetBytes(request.MachineId + "\n"));
            files.WriteAll();
            environment.Variables = request.Environment;
            return new PrepareResponse
            {
                Reseeded = true,
                ClockSet = true,
                MachineId = request.MachineId,
                Hostname = request.Hostname,
                Environment = (uint)request.Environment.Count,
                Files = (uint)files.Count,
            };
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
}
