using VmCacheCluster.Gateway;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Tests.CrashDaemon;
using VmCacheCluster.Tests.TestSupport.Steps;

// vmcached, but that it kills itself at a step, or ends in its start. Arguments: WHEN:STEP CONFIG ENDPOINT RUN-DIRECTORY, such as
// after:Record:Reserved.
var loaded = ConfigurationLoader.Load(new CommandLineValues(args[1], args[2], null, args[3]), new Dictionary<string, string>(), HostFacts.Read());
if (loaded.Options is not { } options || RunDirectories.Prepare(options) is not null)
{
    Console.Error.WriteLine("crash-daemon: the configuration is refused; vmcached says why");
    return 78;
}

var ends = EndWhileStarting.Is(args[0]);
var first = new EndWhileStarting.FirstVm();
IStepObserver observer = ends ? first : new Failpoint(args[0]);
using var endpoints = OwnedEndpoints.Take(options);
await using var app = Daemon.Build(
    options, endpoints,
    also: services =>
    {
        if (ends) services.AddHostedService(p => ActivatorUtilities.CreateInstance<EndWhileStarting>(p, args[0], first));
    },
    through: vms => vms with { Hypervisor = new ObservedHypervisor(vms.Hypervisor, observer), Templates = new ObservedTemplates(vms.Templates!, observer) });
try
{
    await app.RunToItsEndAsync();
    return 0;
}
catch (IOException)
{
    return 75;
}
