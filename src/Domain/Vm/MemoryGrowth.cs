namespace VmCacheCluster.Domain;

/// <summary>
/// How much memory a guest takes at once. Its kernel describes each page that is plugged in with 64 bytes of memory that it has online
/// already, and panics when there is none left: a guest of 256 MiB takes 10 GiB at once and not 12. What was brought online serves for the next step.
/// </summary>
public static class MemoryGrowth
{
    /// <summary>Pages that a page's worth of descriptions describes.</summary>
    private const int Described = 64;

    /// <summary>A guest that does not say what it has available is taken to have a quarter of its memory to spare.</summary>
    private const int Share = 4;

    /// <summary>Half of what a guest says stays for the page tables, and for what it does meanwhile.</summary>
    private const int Spare = 2;

    /// <summary>In MiB. A guest on emulated CPUs needs seconds for each GiB, and gives up after 10.</summary>
    private const int Usual = 4096;

    /// <summary>The steps by which a guest's memory grows, in MiB; each is plugged and brought online before the next. Empty: it cannot.</summary>
    /// <param name="has">What the guest has online, in MiB.</param>
    /// <param name="available">What the guest says that it could use of that, in MiB; null: it does not say.</param>
    /// <param name="more">What is to come, in MiB: whole blocks.</param>
    /// <param name="block">The guest's memory block, in MiB.</param>
    /// <param name="slots">As many steps may be made of it, so that none takes the guest's kernel too long; fewer only if fewer suffice.</param>
    public static IReadOnlyList<int> Steps(int has, int? available, int more, int block, int slots = 0)
    {
        var steps = new List<int>();
        var (online, free) = ((long)has, (long?)available);
        for (var left = (long)more; left > 0;)
        {
            var room = (free / Spare ?? online / Share) * Described;
            var step = Math.Min(left, room < left ? room / block * block : left);
            if (step <= 0) return [];
            steps.Add((int)step);
            left -= step;
            online += step;
            free += step - step / Described;
        }

        // What could be taken at once can be taken in two parts.
        while (steps.Count < slots && steps.Count > 0 && steps.Max() is var large && large > Usual)
        {
            var (at, first) = (steps.IndexOf(large), large / 2 / block * block);
            steps[at] = first;
            steps.Insert(at + 1, large - first);
        }

        return steps;
    }

    /// <summary>What a guest that does not say what it has available takes at most in so many steps, in MiB, with what it has.</summary>
    public static long Most(int has, int steps, int block)
    {
        var online = (long)has;
        for (var i = 0; i < steps && online < int.MaxValue; i++) online += online / Share * Described / block * block;
        return online;
    }
}
