using System.Globalization;
using System.Text.Json;
using Google.Protobuf;

namespace VmCacheCluster.Kata;

/// <summary>Writes a Config for one generation of clients: with all fields for both, or with those of 3.5 alone.</summary>
internal static class KataWire
{
    /// <summary>Fields that came after 3.5, and the one that went before it.</summary>
    private static readonly HashSet<string> NotIn35 = new(StringComparer.Ordinal)
    {
        nameof(KataHypervisorConfig.GuestExtensionImages), nameof(KataHypervisorConfig.SnpIdBlock), nameof(KataHypervisorConfig.SnpIdAuth),
        nameof(KataHypervisorConfig.SnpGuestPolicy), nameof(KataHypervisorConfig.KernelVerityParams), nameof(KataHypervisorConfig.PCIeRootPort),
        nameof(KataHypervisorConfig.PCIeSwitchPort), nameof(KataHypervisorConfig.NumVCPUs), nameof(KataHypervisorConfig.BlockDeviceLogicalSectorSize),
        nameof(KataHypervisorConfig.BlockDevicePhysicalSectorSize), nameof(KataHypervisorConfig.IndepIOThreads), nameof(KataHypervisorConfig.HypervisorLoglevel),
        nameof(KataHypervisorConfig.ReclaimGuestFreedMemory), nameof(KataHypervisorConfig.GuestNUMANodes), nameof(KataHypervisorConfig.NUMAMapping),
        nameof(KataHypervisorConfig.QgsPort), nameof(KataHypervisorConfig.Initdata), nameof(KataHypervisorConfig.InitdataDigest),
        nameof(KataHypervisorConfig.InitdataImage), nameof(KataHypervisorConfig.DefaultGPUs), nameof(KataHypervisorConfig.DefaultGPUModel),
        nameof(KataHypervisorConfig.MeasurementAlgo),
        nameof(KataAgentConfig.CdhApiTimeout), nameof(KataAgentConfig.LaunchProcessTimeout), nameof(KataAgentConfig.VisibleCdiDevices),
    };

    /// <summary>Fields that came after 2.5; of those that 3.5 has not, 2.5 has two.</summary>
    private static readonly HashSet<string> NotIn25 =
    [
        .. NotIn35.Except([nameof(KataHypervisorConfig.NumVCPUs), nameof(KataHypervisorConfig.PCIeRootPort)]),
        nameof(KataHypervisorConfig.RootfsType), nameof(KataHypervisorConfig.VhostUserDeviceReconnect), nameof(KataHypervisorConfig.BlockDeviceAIO),
        nameof(KataHypervisorConfig.RemoteHypervisorSocket), nameof(KataHypervisorConfig.RemoteHypervisorTimeout), nameof(KataHypervisorConfig.SandboxName),
        nameof(KataHypervisorConfig.SandboxNamespace), nameof(KataHypervisorConfig.User), nameof(KataHypervisorConfig.VFIODevices),
        nameof(KataHypervisorConfig.VhostUserBlkDevices), nameof(KataHypervisorConfig.HotPlugVFIO), nameof(KataHypervisorConfig.ColdPlugVFIO),
        nameof(KataHypervisorConfig.NumVCPUsF), nameof(KataHypervisorConfig.VirtioFSQueueSize), nameof(KataHypervisorConfig.SevSnpGuest),
        nameof(KataHypervisorConfig.DisableGuestSeLinux), nameof(KataHypervisorConfig.ExtraMonitorSocket), nameof(KataAgentConfig.Policy),
    ];

    /// <summary>Fields that were there until 3.5, and went before 4.1.</summary>
    private static readonly HashSet<string> NotIn41 = new(StringComparer.Ordinal)
    {
        nameof(KataHypervisorConfig.HypervisorCtlPath), nameof(KataHypervisorConfig.HypervisorCtlPathList), nameof(KataHypervisorConfig.FileBackedMemRootDir),
        nameof(KataHypervisorConfig.FileBackedMemRootList), nameof(KataHypervisorConfig.NumVCPUs),
    };

    public static KataParam CdhApiTimeout(KataAgentConfig agent) => new("agent.cdh_api_timeout", agent.CdhApiTimeout.ToString(CultureInfo.InvariantCulture));

    public static KataParam LaunchProcessTimeout(KataAgentConfig agent) =>
        new("agent.launch_process_timeout", agent.LaunchProcessTimeout.ToString(CultureInfo.InvariantCulture));

    public static KataParam VisibleCdiDevices { get; } = new("agent.visible_cdi_devices", "true");

    public static Wire.GrpcVMConfig Write(KataVmConfig config, KataTarget target)
    {
        if (target == KataTarget.Kata113) return KataFirstWire.Write(config);
        var fit = target is KataTarget.Kata25 or KataTarget.Kata35 ? As35(config) : config;
        return new Wire.GrpcVMConfig
        {
            Data = Bytes(JsonSerializer.SerializeToUtf8Bytes(fit, KataJson.Go.KataVmConfig), target),
            AgentConfig = Bytes(JsonSerializer.SerializeToUtf8Bytes(fit.AgentConfig, KataJson.Go.KataAgentConfig), target),
        };
    }

    /// <summary>In what the two generations contradict each other.</summary>
    private static KataVmConfig As35(KataVmConfig config)
    {
        var (hypervisor, agent) = (config.HypervisorConfig, config.AgentConfig);
        KataParam[] newer =
        [
            .. agent.CdhApiTimeout > 0 ? [CdhApiTimeout(agent)] : Array.Empty<KataParam>(),
            .. agent.LaunchProcessTimeout > 0 ? [LaunchProcessTimeout(agent)] : Array.Empty<KataParam>(),
            .. agent.VisibleCdiDevices ? [VisibleCdiDevices] : Array.Empty<KataParam>(),
        ];
        return config with
        {
            HypervisorConfig = hypervisor with
            {
                // Its loader reads the key and forgets it.
                VhostUserDeviceReconnect = 0,
                KernelParams = hypervisor.KernelParams is { } given ? [.. newer.Aggregate(given, Without)] : null,
                DefaultMaxVCPUs = hypervisor.ConfidentialGuest ? hypervisor.NumVCPUs : hypervisor.DefaultMaxVCPUs,
            },
        };
    }

    private static IReadOnlyList<KataParam> Without(IReadOnlyList<KataParam> given, KataParam first)
    {
        var at = given.ToList().IndexOf(first);
        return at < 0 ? given : [.. given.Take(at), .. given.Skip(at + 1)];
    }

    private static ByteString Bytes(byte[] json, KataTarget target)
    {
        if (target == KataTarget.Union) return UnsafeByteOperations.UnsafeWrap(json);
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(json.Length);
        using (var document = JsonDocument.Parse(json))
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = GoJsonEncoder.Instance }))
            Copy(document.RootElement, writer, target switch
            {
                KataTarget.Kata25 => NotIn25,
                KataTarget.Kata35 => NotIn35,
                _ => NotIn41,
            });
        return UnsafeByteOperations.UnsafeWrap(buffer.WrittenMemory);
    }

    private static void Copy(JsonElement element, Utf8JsonWriter writer, HashSet<string> without)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            element.WriteTo(writer);
            return;
        }

        writer.WriteStartObject();
        foreach (var member in element.EnumerateObject())
        {
            if (without.Contains(member.Name)) continue;
            writer.WritePropertyName(member.Name);
            Copy(member.Value, writer, without);
        }

        writer.WriteEndObject();
    }
}
