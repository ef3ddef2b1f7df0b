namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What boots.</summary>
internal sealed record GuestFiles(string Kernel, string? Initrd, string? Image);

/// <summary>
/// Reads which guest a pool boots. Whether its files exist is not asked: they may appear later, and the pool tells of it.
/// </summary>
internal sealed class GuestReader(HostFacts host, ICollection<ConfigurationFault> faults)
{
    public GuestFiles Read(Section section)
    {
        var before = faults.Count;
        var kernel = section.Path("kernel", mayBeEmpty: true);
        var kernelIsBad = faults.Count > before;
        var initrd = section.Path("initrd", mayBeEmpty: true);
        var image = section.Path("image", mayBeEmpty: true);
        var both = initrd.Value.Length > 0 && image.Value.Length > 0;
        if (kernel.Value.Length > 0)
        {
            if (both)
                faults.Add(image.Fault($"{initrd.Key} is set too", "set exactly one of initrd and image"));
            else if (initrd.Value.Length == 0 && image.Value.Length == 0)
                faults.Add(kernel.Fault("it has neither initrd nor image", "set one of them beside the kernel"));
            return new GuestFiles(kernel.Value, NullIfEmpty(initrd.Value), NullIfEmpty(image.Value));
        }
        foreach (var file in new[] { initrd, image }.Where(f => f.Value.Length > 0 && !kernelIsBad))
            faults.Add(file.Fault("the embedded guest brings its own", "set kernel too, or remove this"));
        return new GuestFiles(
            Path.Combine(host.GuestDirectory, "vmlinuz"), Path.Combine(host.GuestDirectory, "initrd.img"), null);
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
