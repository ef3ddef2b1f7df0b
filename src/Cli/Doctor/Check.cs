namespace VmCacheCluster.Cli.Doctor;

internal enum Verdict { Ok, Warn, Fail }

/// <summary>One finding.</summary>
/// <param name="Name">What was looked at; scripts rely on it.</param>
/// <param name="Found">What was found.</param>
/// <param name="Do">What to do about it; empty when nothing is to be done.</param>
internal sealed record Check(string Name, Verdict Verdict, string Found, string Do = "");
