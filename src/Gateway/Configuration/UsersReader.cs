using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Reads vm-users, and resolves it for this host.</summary>
internal sealed class UsersReader(HostFacts host, ICollection<ConfigurationFault> faults)
{
    private const string Remedy = "give auto, off, or a range of user numbers that nobody has, such as 2100000000-2100065535";

    public VmUserOptions Of(Section section)
    {
        var choice = section.Read<UserRange?>("vm-users", Parse, Remedy);
        if (choice.Text == "off") return new VmUserOptions(null, "vm-users = off");
        var range = choice.Value ?? UserRange.Default;
        if (WhyNot(range) is not { } why) return new VmUserOptions(range, "", host.SetPriv!);
        if (choice.Value is not null) faults.Add(choice.Fault(why.Reason, why.Remedy));
        return new VmUserOptions(null, $"{why.Reason}: {why.Remedy}");
    }

    private (string Reason, string Remedy)? WhyNot(UserRange range) =>
        !host.IsRoot ? ("a daemon that is not root cannot run VMs as other users", "run vmcached as root, which its VMs then are not")
        : host.MissingCapability is { } missing ? ($"the daemon lacks {missing}", "give it back (CapabilityBoundingSet= in the unit, capabilities of the container)")
        : host.SetPriv is null ? ("the host has no setpriv", "install util-linux")
        : host.UsersTaken(range) is { } taken ? ($"the users {range} are taken: {taken}", "set vm-users to a range that nobody has")
        : null;

    private static (UserRange?, string?) Parse(string text) =>
        text is "auto" or "off" ? (null, null)
        : UserRange.TryParse(text, out var range, out var fault) ? (range, null)
        : (null, fault);
}
