namespace VmCacheCluster.Cli.Output;

// What `-o json` prints. Scripts rely on these names: fields are only ever added. What is null is left out, and what is not known is null:
// a script may act on a 0, an empty text or a time of 1970.

internal sealed record StatusView(
    long? Pid, string Endpoint, string? Version, DateTimeOffset? StartedAt, IReadOnlyList<PoolView> Pools,
    IReadOnlyList<QuarantinedView>? Quarantined = null, IReadOnlyList<string>? Problems = null,
    UsageView? OpenFiles = null, UsageView? LocalConnections = null, IReadOnlyList<UsageView>? NetworkConnections = null);

/// <param name="Pid">Left out: no process of it is alive.</param>
internal sealed record QuarantinedView(string Id, string? Pool, long? Pid, string Reason);

internal sealed record ReapView(IReadOnlyList<string> Reaped);

internal sealed record UsageView(uint Used, uint Limit);

internal sealed record PoolView(
    string Name, uint Target, uint Warm, uint Warming, uint Leased, uint Waiting, string Reason,
    string? Accelerator, string? AcceleratorReason, string? Endpoint,
    IReadOnlyList<VmView> Vms, IReadOnlyList<EventView> Events, string? Refill = null, string? RefillReason = null, string? Revision = null, string? Rollout = null);

/// <param name="Pid">Null: its process is not known yet.</param>
/// <param name="HeldBy">Leased VMs: <c>kata</c> or <c>v1</c>.</param>
/// <param name="ClientConnected">Leased VMs that are held through Kata's call, in <c>status</c>: somebody is connected to one of its sockets.</param>
internal sealed record VmView(
    string Id, string State, long? Pid, uint? Cpus, uint? MemoryMiB, string? MadeBy,
    string? Served, bool? Confirmed, DateTimeOffset? ConfirmBefore, string? Qmp, string? Agent, string? Console, string? Share,
    string? Pool = null, string? SandboxId = null, DateTimeOffset? ExpiresAt = null, IReadOnlyDictionary<string, string>? Labels = null,
    double? PssMiB = null, string? HeldBy = null, DateTimeOffset? HeldSince = null, bool? ClientConnected = null, string? Obstacle = null, uint? User = null);

internal sealed record EventView(DateTimeOffset? At, string? Vm, string What);

/// <param name="GracePeriodSeconds">The VM is destroyed when it has not been resumed by then; left out when vmcached named none.</param>
/// <param name="Resumed">Only after <c>--resume</c>.</param>
internal sealed record BaseVmView(
    string Id, long? Pid, string Qmp, string? Agent, string? Console, uint? Cpus, uint? MemoryMiB, string? MadeBy, string? Served,
    string? Pool, string State, string? Share, double? GracePeriodSeconds, DateTimeOffset? ConfirmBefore, ResumedView? Resumed);

/// <summary>How long each step of a resume took, in milliseconds; <paramref name="Total"/> until the agent had answered.</summary>
internal sealed record ResumedView(double Cont, double Reseed, double Clock, double Total);

internal sealed record ResumeView(string Id, ResumedView Resumed);

/// <summary>A VM that was acquired. <paramref name="ExpiresAt"/> moves with each renewal.</summary>
internal sealed record LeaseView(
    string Id, string Token, DateTimeOffset ExpiresAt, double TtlSeconds, string? Pool, uint? Cpus, uint? MemoryMiB, string? MadeBy, string? Served,
    long? Pid, string? Host, string? Gateway, string? Qmp, string? Agent, string? Console, string? Share, string? SandboxId,
    IReadOnlyDictionary<string, string>? Labels, IReadOnlyList<StageView> Timeline);

internal sealed record StageView(string Stage, double Milliseconds);

internal sealed record RenewView(string Id, DateTimeOffset ExpiresAt, double TtlSeconds);

internal sealed record ListView(IReadOnlyList<VmView> Vms);

/// <param name="Kind"><c>reset</c>, <c>snapshot</c>, <c>changed</c>, <c>gone</c> or <c>pool</c>.</param>
internal sealed record WatchEventView(
    string Epoch, ulong Sequence, DateTimeOffset? At, string Kind, string? Pool, VmView? Vm, string? Reason);

/// <param name="Name">Null: the node is in no cluster by its configuration.</param>
/// <param name="Reason">Why the node is not in its cluster now.</param>
internal sealed record ClusterView(string? Name, string? Id, string Node, string? Reason, IReadOnlyList<HostView> Hosts);

internal sealed record HostView(
    string Node, string? Address, string? Gateway, string State, string? Version, ulong? MemoryMiB, IReadOnlyDictionary<string, string>? Labels,
    IReadOnlyList<HostPoolView> Pools);

internal sealed record HostPoolView(
    string Pool, uint Warm, uint Warming, uint Leased, uint Target, uint Waiting, double? RefillMilliseconds, string? Revision);

internal sealed record CordonView(bool Cordoned);

internal sealed record DrainView(uint WarmGivenUp, uint LeasedLeft);

/// <param name="DryRun">Nothing was changed.</param>
internal sealed record PoolChangesView(bool DryRun, IReadOnlyList<PoolChangeView> Changes);

/// <param name="Kind"><c>added</c>, <c>changed</c>, <c>unchanged</c> or <c>deleted</c>.</param>
internal sealed record PoolChangeView(string Pool, string Kind);

/// <param name="Problem">Why they are not all used on the host that was asked.</param>
/// <param name="HostPools">Those of that host's own configuration, applied or not.</param>
internal sealed record AppliedPoolsView(IReadOnlyList<AppliedPoolView> Pools, IReadOnlyList<ConfiguredPoolView> HostPools, string? Problem);

/// <param name="Target">How many VMs the configuration alone would keep warm.</param>
internal sealed record ConfiguredPoolView(string Pool, uint Target);

/// <param name="Undone">Why the host that was asked went back to what it made before.</param>
/// <param name="Share">Of its total; null: it has none.</param>
internal sealed record AppliedPoolView(string Pool, DateTimeOffset? AppliedAt, string Text, string? Undone, uint? Share);

internal sealed record ReleaseView(IReadOnlyList<string> Released);

internal sealed record DoctorView(bool Ok, string Endpoint, IReadOnlyList<CheckView> Checks);

internal sealed record CheckView(string Name, string Verdict, string Found, string? Do);

/// <param name="Faults">Null: the file can be used.</param>
internal sealed record KataCheckView(
    bool Ok, string File, IReadOnlyList<KataFaultView>? Faults, IReadOnlyList<string>? Warnings, IReadOnlyList<KataClientView>? Clients,
    IReadOnlyList<KataFieldView>? Fields, KataMakingView? Vms);

internal sealed record KataDoctorView(bool Ok, string File, IReadOnlyList<KataForecastView> Clients);

/// <param name="Known">"run" or "read".</param>
/// <param name="Of">What was run or read.</param>
internal sealed record KataForecastView(string Version, string Known, string Of, IReadOnlyList<CheckView> Steps);

/// <param name="Cloned">False: each is booted.</param>
/// <param name="Why">Why it is not made, or not cloned.</param>
internal sealed record KataMakingView(bool Made, bool Cloned, string Why);

/// <param name="Version">Of Kata, whose verdict it is.</param>
/// <param name="Line">Null: of the file as a whole.</param>
internal sealed record KataFaultView(string File, string Key, string Value, string Text, string Remedy, string Version, int? Line);

/// <param name="Known">"run" or "read".</param>
/// <param name="Of">What was run or read.</param>
/// <param name="Limit">What it cannot do with a VM that it takes; null: nothing is known.</param>
/// <param name="Faults">Why it does not start with the file; null: it does.</param>
internal sealed record KataClientView(
    string Version, bool Takes, string Known, string Of, string? Limit, IReadOnlyList<KataDifferenceView> Differences,
    IReadOnlyList<KataFaultView>? Faults);

/// <param name="Served">JSON; empty: nothing.</param>
/// <param name="Wanted">JSON.</param>
internal sealed record KataDifferenceView(string Field, string Served, string Wanted);

/// <param name="Value">JSON.</param>
internal sealed record KataFieldView(string Name, string Value, bool Compared);

internal sealed record ErrorView(ErrorBody Error);

internal sealed record ErrorBody(
    string Code, string Reason, string Message, IReadOnlyDictionary<string, string>? Metadata, double? RetryAfterSeconds);
