using System.Text.Json;
using Google.Protobuf;

namespace VmCacheCluster.Kata;

/// <summary>A Config as Kata 1.13's own server writes it: its fields, in its order.</summary>
internal static class KataFirstWire
{
    /// <summary>Those of HypervisorConfig that later generations have too are copied from there.</summary>
    private static readonly string[] Fields =
    [
        "NumVCPUs", "DefaultMaxVCPUs", "MemorySize", "DefaultBridges", "Msize9p", "MemSlots", "MemOffset", "VirtioFSCacheSize", "KernelParams", "HypervisorParams",
        "KernelPath", "ImagePath", "InitrdPath", "FirmwarePath", "MachineAccelerators", "CPUFeatures", "HypervisorPath", "HypervisorPathList", "HypervisorCtlPathList",
        "HypervisorCtlPath", "JailerPath", "JailerPathList", "BlockDeviceDriver", "HypervisorMachineType", "MemoryPath", "DevicesStatePath", "EntropySource", "SharedFS",
        "VirtioFSDaemon", "VirtioFSDaemonList", "VirtioFSCache", "VirtioFSExtraArgs", "FileBackedMemRootDir", "PFlash", "FileBackedMemRootList", "BlockDeviceCacheSet",
        "BlockDeviceCacheDirect", "BlockDeviceCacheNoflush", "DisableBlockDeviceUse", "EnableIOThreads", "Debug", "MemPrealloc", "HugePages", "VirtioMem", "IOMMU",
        "IOMMUPlatform", "Realtime", "Mlock", "DisableNestingChecks", "UseVSock", "DisableImageNvdimm", "HotplugVFIOOnRootBus", "PCIeRootPort", "BootToBeTemplate",
        "BootFromTemplate", "DisableVhostNet", "EnableVhostUserStore", "VhostUserStorePath", "VhostUserStorePathList", "GuestHookPath", "VMid", "SELinuxProcessLabel",
        "EnableAnnotations",
    ];

    public static Wire.GrpcVMConfig Write(KataVmConfig config)
    {
        var first = config.First ?? new KataFirst();
        using var later = JsonDocument.Parse(JsonSerializer.SerializeToUtf8Bytes(config.HypervisorConfig, KataJson.Go.KataHypervisorConfig));
        return new Wire.GrpcVMConfig
        {
            Data = Bytes(json =>
            {
                json.WriteStartObject();
                json.WriteString("HypervisorType", config.HypervisorType);
                json.WriteStartObject("HypervisorConfig");
                foreach (var field in Fields) Field(json, field, first, later.RootElement);
                json.WriteEndObject();
                json.WriteString("AgentType", first.AgentType);
                json.WritePropertyName("AgentConfig");
                Agent(json, config.AgentConfig, first);
                json.WriteString("ProxyType", first.ProxyType);
                json.WriteStartObject("ProxyConfig");
                json.WriteString("Path", first.ProxyPath);
                json.WriteBoolean("Debug", first.ProxyDebug);
                json.WriteEndObject();
                json.WriteEndObject();
            }),
            AgentConfig = Bytes(json => Agent(json, config.AgentConfig, first)),
        };
    }

    private static void Field(Utf8JsonWriter json, string name, KataFirst first, JsonElement later)
    {
        switch (name)
        {
            case "Realtime":
                json.WriteBoolean(name, false);
                break;
            case "Mlock":
                json.WriteBoolean(name, !first.Swap);
                break;
            case "UseVSock":
                json.WriteBoolean(name, first.UseVsock);
                break;
            case "HotplugVFIOOnRootBus":
                json.WriteBoolean(name, first.HotplugVfioOnRootBus);
                break;
            case "PFlash" when later.GetProperty(name).GetArrayLength() == 0:
                json.WriteNull(name);
                break;
            default:
                json.WritePropertyName(name);
                later.GetProperty(name).WriteTo(json);
                break;
        }
    }

    private static void Agent(Utf8JsonWriter json, KataAgentConfig agent, KataFirst first)
    {
        json.WriteStartObject();
        if (first.AgentType == "hyperstart")
        {
            json.WriteString("SockCtlName", "");
            json.WriteString("SockTtyName", "");
        }
        else
        {
            json.WriteBoolean("LongLiveConn", agent.LongLiveConn);
            json.WriteBoolean("UseVSock", first.UseVsock);
            json.WriteBoolean("Debug", agent.Debug);
            json.WriteBoolean("Trace", agent.Trace);
            json.WriteNumber("ContainerPipeSize", agent.ContainerPipeSize);
            json.WriteString("TraceMode", first.TraceMode);
            json.WriteString("TraceType", first.TraceType);
            json.WritePropertyName("KernelModules");
            if (agent.KernelModules is not { } modules) json.WriteNullValue();
            else
            {
                json.WriteStartArray();
                foreach (var module in modules) json.WriteStringValue(module);
                json.WriteEndArray();
            }
        }

        json.WriteEndObject();
    }

    private static ByteString Bytes(Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = GoJsonEncoder.Instance })) write(json);
        return UnsafeByteOperations.UnsafeWrap(buffer.WrittenMemory);
    }
}
