using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli.Output;

/// <summary>The API's enumerations as lower-case words; scripts rely on them.</summary>
internal static class Words
{
    /// <summary>For a value of a newer vmcached, or none.</summary>
    internal const string Unknown = "unknown";

    internal static string Of(VmState state) => state switch
    {
        VmState.Creating => "creating",
        VmState.Loading => "loading",
        VmState.Priming => "priming",
        VmState.Booting => "booting",
        VmState.Checking => "checking",
        VmState.Pausing => "pausing",
        VmState.Warm => "warm",
        VmState.Reserved => "reserved",
        VmState.Leased => "leased",
        VmState.Stopping => "stopping",
        VmState.Failed => "failed",
        VmState.Preparing => "preparing",
        VmState.Adopting => "adopting",
        VmState.Unresponsive => "unresponsive",
        _ => Unknown,
    };

    internal static string Of(PoolChangeKind kind) => kind switch
    {
        PoolChangeKind.Added => "added",
        PoolChangeKind.Changed => "changed",
        PoolChangeKind.Unchanged => "unchanged",
        _ => Unknown,
    };

    internal static string Of(WatchEventKind kind) => kind switch
    {
        WatchEventKind.Reset => "reset",
        WatchEventKind.Snapshot => "snapshot",
        WatchEventKind.Changed => "changed",
        WatchEventKind.Gone => "gone",
        WatchEventKind.Pool => "pool",
        _ => Unknown,
    };

    internal static string Of(HostState state) => state switch
    {
        HostState.Up => "up",
        HostState.Cordoned => "cordoned",
        HostState.Draining => "draining",
        HostState.Unreachable => "unreachable",
        HostState.Joining => "joining",
        HostState.Leaving => "leaving",
        _ => Unknown,
    };

    /// <summary>Null: it is not known.</summary>
    internal static string? Of(MadeBy madeBy) => madeBy switch
    {
        MadeBy.Unspecified => null,
        MadeBy.Boot => "boot",
        MadeBy.Clone => "clone",
        _ => Unknown,
    };

    /// <summary>Null: nobody holds it, or it is not known.</summary>
    internal static string? Of(HeldBy held) => held switch
    {
        HeldBy.Kata => "kata",
        HeldBy.V1 => "v1",
        _ => null,
    };

    /// <summary>Null: it is not known.</summary>
    internal static string? Of(Served served) => served switch
    {
        Served.Unspecified => null,
        Served.Warm => "warm",
        Served.OnDemand => "on-demand",
        _ => Unknown,
    };
}
