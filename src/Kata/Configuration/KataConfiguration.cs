namespace VmCacheCluster.Kata.Configuration;

/// <summary>What a configuration.toml asks for.</summary>
/// <param name="Vm">What a client compares with its own.</param>
/// <param name="Warnings">What Kata ignores or only warns of.</param>
public sealed record KataConfiguration(KataVmConfig Vm, KataFactorySettings Factory, IReadOnlyList<string> Warnings);

/// <summary>The table [factory].</summary>
/// <param name="VmCacheNumber">0: no cache.</param>
/// <param name="VmCacheEndpoint">Absolute path of a Unix socket.</param>
public sealed record KataFactorySettings(int VmCacheNumber, string VmCacheEndpoint, bool EnableTemplate, string TemplatePath);

/// <summary>What one version of Kata makes of a file.</summary>
/// <param name="Version">Such as "3.5".</param>
/// <param name="Client">Which of the generations of clients it is.</param>
/// <param name="First">Which client of Kata 1.x; null: of a later generation.</param>
/// <param name="Vm">What its client compares with a server's; null: it refuses the file.</param>
/// <param name="Faults">Why it does.</param>
public sealed record KataVerdict(
    string Version, KataTarget Client, KataFirstClient? First, KataVmConfig? Vm, IReadOnlyList<KataFault> Faults);

/// <summary>A configuration, or everything that is wrong with it: the first as Kata's runtime would say it.</summary>
/// <param name="Configuration">For all versions that can read the file; null: none can.</param>
/// <param name="Faults">Empty when there is a configuration.</param>
/// <param name="Verdicts">Of each version that was asked.</param>
public sealed record KataConfigurationResult(
    KataConfiguration? Configuration, IReadOnlyList<KataFault> Faults, IReadOnlyList<KataVerdict> Verdicts);
