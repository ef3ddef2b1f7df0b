using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Tests.Unit.Cli;

internal static class Samples
{
    public static readonly DateTimeOffset Now = new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);

    public static Vm Vm(string id, VmState state) => new()
    {
        Id = id,
        Pool = "default",
        State = state,
        Pid = 4711,
        StartTime = 99,
        Cpus = 2,
        MemoryMib = 256,
        MadeBy = MadeBy.Boot,
        Qmp = $"/run/vmcache/client/{id}/qmp.sock",
        Agent = $"/run/vmcache/client/{id}/agent.sock",
        Console = $"/run/vmcache/client/{id}/console.sock",
        Served = state == VmState.Leased ? Served.OnDemand : Served.Unspecified,
        GracePeriod = Duration.FromTimeSpan(TimeSpan.FromSeconds(30)),
    };

    public static NodeStatus Node() => new()
    {
        Pid = 17,
        Endpoint = "/run/vmcache/cache.sock",
        Version = "0.1.0",
        StartedAt = Timestamp.FromDateTimeOffset(Now.AddHours(-3)),
        Pools =
        {
            new PoolStatus
            {
                Name = "default", Target = 2, Warm = 1, Warming = 1, Leased = 1, Waiting = 4, Accelerator = "tcg",
                AcceleratorReason = "no kernel message under KVM within 5 s",
                Endpoint = "/run/vmcache/cache.sock",
                Vms = { Vm("vm-aa1", VmState.Warm), Vm("vm-bb2", VmState.Leased) },
                Events =
                {
                    new PoolEvent { At = Timestamp.FromDateTimeOffset(Now.AddSeconds(-90)), Vm = "vm-00", What = "died: killed by signal 9" },
                    new PoolEvent { At = Timestamp.FromDateTimeOffset(Now.AddSeconds(-5)), What = "refilling" },
                },
            },
            new PoolStatus { Name = "broken", Target = 1, Reason = "no kernel at /nowhere:\nqemu said so", Accelerator = "tcg" },
        },
    };
}
