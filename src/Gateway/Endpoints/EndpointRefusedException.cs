namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>The daemon cannot listen where it was told to; the message says why and what to do.</summary>
public sealed class EndpointRefusedException(string message) : Exception(message);
