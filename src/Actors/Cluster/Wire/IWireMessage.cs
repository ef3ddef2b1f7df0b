namespace VmCacheCluster.Actors.Cluster.Wire;

/// <summary>Marks what may leave the process for another node; nothing else is written, nor read.</summary>
public interface IWireMessage;

public partial class Knock : IWireMessage;

public partial class KnockAnswer : IWireMessage;

public partial class HostReport : IWireMessage;

public partial class Shares : IWireMessage;
