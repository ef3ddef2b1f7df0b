using System.Globalization;

namespace VmCacheCluster.Domain;

/// <summary>How it is kept known that a warm VM is fit to be handed out: it is asked in the background, each VM at a time of its own.</summary>
public static class FitnessRules
{
    /// <summary>From an answer to the next question. With the time for the answer it stays below <see cref="MostAge"/>.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(8);

    /// <summary>For the answer. Who has not answered by then is not handed out.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    /// <summary>For the answer of a VM that left the last question unanswered: a host under load is no reason to end its VMs.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>A VM whose last answer is older is asked again before it is handed out.</summary>
    public static readonly TimeSpan MostAge = TimeSpan.FromSeconds(10);

    /// <summary>Until the first question to a VM that has just answered: anywhere in the interval, so that VMs which became warm together
    /// are not asked together.</summary>
    public static TimeSpan FirstAfter(VmId id)
    {
        // An id ends in random digits.
        var place = int.Parse(id.Value.AsSpan(id.Value.Length - 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) + 1;
        return Interval * (place / 65536.0);
    }

    /// <summary>Whether a VM is asked before it is handed out. Preparing one for vmcache.v1 takes many times as long as the question.</summary>
    /// <param name="age">Of its last answer.</param>
    public static bool AskBefore(HandOutPath path, TimeSpan age) => path == HandOutPath.V1 || age > MostAge;
}
