using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>The guest of a running VM over its agent's channel, which is held until this is disposed.</summary>
internal sealed class QemuGuest : IGuest
{
    private const int EntropyBytes = 512;
    private const int MiB = 1024 * 1024;

    private readonly IAgentChannel _channel;
    private readonly AgentClient _agent;
    private readonly QemuHypervisorOptions _options;

    private QemuGuest(IAgentChannel channel, QemuHypervisorOptions options)
    {
        (_channel, _options) = (channel, options);
        _agent = new AgentClient(channel);
    }

    /// <exception cref="VmFailedException">The agent does not answer, or says that it does not serve.</exception>
    public static Task<QemuGuest> OpenAsync(VmFacts vm, QemuHypervisorOptions options, CancellationToken cancel) => AskAsync(async () =>
    {
        var (channel, serves) = await AgentConnection
            .OpenAsync(AgentDials.Of(vm), (agent, timeout) => agent.CheckAsync(cancel, timeout), options.AgentDeadline, cancel).ConfigureAwait(false);
        if (serves) return new QemuGuest(channel, options);
        await channel.DisposeAsync().ConfigureAwait(false);
        throw AgentProbe.Failed("it says that it does not serve", null);
    });

    /// <summary>As <see cref="OpenAsync"/>, with the preparation for the question. A guest may be prepared twice.</summary>
    /// <exception cref="VmFailedException">The agent does not answer, or cannot do it.</exception>
    public static Task<QemuGuest> PreparedAsync(
        VmFacts vm, GuestPreparation preparation, QemuHypervisorOptions options, CancellationToken cancel) => AskAsync(async () =>
    {
        var (channel, _) = await AgentConnection.OpenAsync(
            AgentDials.Of(vm), (agent, timeout) => PrepareAsync(agent, preparation, timeout, cancel), options.AgentDeadline, cancel).ConfigureAwait(false);
        return new QemuGuest(channel, options);
    });

    public bool IsOpen => !_channel.Closed.IsCompleted;

    public Task<GuestFacts> DescribeAsync(CancellationToken cancel) => AskAsync(async () =>
    {
        var details = await _agent.GetGuestDetailsAsync(cancel, _options.AgentDeadline).ConfigureAwait(false);
        return new GuestFacts(
            details.AgentDetails?.Version ?? "", (int)(details.MemBlockSizeBytes / MiB),
            details.Can(AgentAbilities.Prepare) && details.Can(AgentAbilities.Exec),
            details.AvailableBytes == 0 ? null : (int)Math.Min(details.AvailableBytes / MiB, int.MaxValue));
    });

    public Task OnlineAsync(int cpus, CancellationToken cancel) =>
        AskAsync(() => _agent.OnlineCpuMemAsync(wait: true, (uint)cpus, cpuOnly: false, cancel, _options.OnlineDeadline));

    public Task ReseedAsync(CancellationToken cancel) =>
        AskAsync(() => _agent.ReseedRandomDevAsync(RandomNumberGenerator.GetBytes(EntropyBytes), cancel, _options.AgentDeadline));

    public Task SetClockAsync(CancellationToken cancel) =>
        AskAsync(() => _agent.SetClockAsync(TimeProvider.System, cancel, _options.AgentDeadline));

    public Task PrepareAsync(GuestPreparation preparation, CancellationToken cancel) =>
        AskAsync(() => PrepareAsync(_agent, preparation, _options.AgentDeadline, cancel));

    public Task<IGuestProgram> ExecAsync(GuestCommand command, CancellationToken cancel) => AskAsync<IGuestProgram>(async () =>
    {
        var start = new ExecStart { WorkingDirectory = command.WorkingDirectory, TimeoutMilliseconds = (ulong)(command.Limit?.TotalMilliseconds ?? 0) };
        start.Args.AddRange(command.Args);
        foreach (var (name, value) in command.Environment) start.Env[name] = value;
        if (_channel is not TtrpcClient streaming)
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, "an agent of Kata 1.x runs no programs for a cache", "use our own guest for this pool"));
        var call = await streaming
            .OpenStreamAsync<ExecInput, ExecOutput>(AgentServices.Guest, "Exec", ExecOutput.Parser, cancel).ConfigureAwait(false);
        try
        {
            await call.WriteAsync(new ExecInput { Start = start }, cancel).ConfigureAwait(false);
            return new QemuGuestProgram(call);
        }
        catch
        {
            await call.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    });

    public ValueTask DisposeAsync() => _channel.DisposeAsync();

    internal static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is TtrpcException or IOException or SocketException)
        {
            throw AgentProbe.Failed(fault.Message, fault);
        }
    }

    internal static Task AskAsync(Func<Task> ask) => AskAsync(async () =>
    {
        await ask().ConfigureAwait(false);
        return true;
    });

    /// <summary>What the guest finds wrong with a request is its caller's to put right.</summary>
    private static async Task<PrepareResponse> PrepareAsync(
        AgentClient agent, GuestPreparation preparation, TimeSpan timeout, CancellationToken cancel)
    {
        try
        {
            var begun = Stopwatch.GetTimestamp();
            var prepared = await agent.PrepareAsync(Request(preparation), cancel, timeout).ConfigureAwait(false)
                ?? throw new VmFailedException(new VmFailure(VmFailureKind.Configuration,
                    "the guest's agent takes neither an identity nor late binding, so its VMs cannot be leased", "use our own guest for this pool"));
            // The clock was set by the time that the request had with it.
            if (Stopwatch.GetElapsedTime(begun) > AgentClient.ClockSlack) await SetAgainAsync(agent, timeout, cancel).ConfigureAwait(false);
            return prepared;
        }
        catch (TtrpcStatusException fault) when (fault.Code == TtrpcStatusCode.InvalidArgument)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, $"the guest cannot be prepared so: {fault.Message}"), fault);
        }
    }

    private static async Task SetAgainAsync(AgentClient agent, TimeSpan timeout, CancellationToken cancel)
    {
        try
        {
            await agent.SetClockAsync(TimeProvider.System, cancel, timeout).ConfigureAwait(false);
        }
        catch (TtrpcTimeoutException)
        {
            // It is set, if late.
        }
    }

    private static PrepareRequest Request(GuestPreparation preparation)
    {
        var (identity, binding) = (preparation.Identity, preparation.Binding);
        var now = DateTimeOffset.UtcNow;
        var request = new PrepareRequest
        {
            Entropy = UnsafeByteOperations.UnsafeWrap(RandomNumberGenerator.GetBytes(EntropyBytes)),
            Seconds = now.ToUnixTimeSeconds(),
            Nanoseconds = (uint)(now.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick),
            MachineId = identity.MachineId,
            Hostname = binding.Hostname.Length > 0 ? binding.Hostname : identity.Hostname,
        };
        foreach (var (name, value) in binding.Environment) request.Environment[name] = value;
        request.Files.AddRange(binding.Files.Select(file => new PrepareFile
        {
            Path = file.Path,
            Mode = (uint)file.Mode,
            Content = UnsafeByteOperations.UnsafeWrap(file.Content),
        }));
        return request;
    }
}
