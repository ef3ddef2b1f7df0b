namespace VmCacheCluster.Kata.Configuration;

/// <summary>What a configuration.toml asks for.</summary>
/// <param name="Vm">What a client compares with its own, as of <see cref="KataTarget.Union"/>.</param>
/// <param name="Warnings">What Kata ignores or only warns of.</param>
public sealed record KataConfiguration(KataVmConfig Vm, KataFactorySettings Factory, IReadOnlyList<string> Warnings);

/// <summary>The table [factory].</summary>
/// <param name="VmCacheNumber">0: no cache.</param>
/// <param name="VmCacheEndpoint">Absolute path of a Unix socket.</param>
public sealed record KataFactorySettings(int VmCacheNumber, string VmCacheEndpoint, bool EnableTemplate, string TemplatePath);

/// <summary>A configuration, or everything that is wrong with it: the first as Kata's runtime would say it.</summary>
public sealed record KataConfigurationResult(KataConfiguration? Configuration, IReadOnlyList<KataFault> Faults);
