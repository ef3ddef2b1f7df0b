using VmCacheCluster.Guest;
using VmCacheCluster.Guest.Boot;
using VmCacheCluster.Guest.Port;
using VmCacheCluster.Guest.Processes;
using VmCacheCluster.Guest.Services;

// Leaving Main makes the kernel panic, which the host sees at once; an agent that hangs would be waited for.
AppDomain.CurrentDomain.UnhandledException += (_, fault) => KernelLog.Error($"the agent dies: {fault.ExceptionObject}");
if (Environment.ProcessId != 1)
{
    Console.Error.WriteLine("vmcache-guest is the init of a guest and runs as process 1 there, nowhere else.");
    return 2;
}

Startup.Run();
var reactor = new Reactor();

// Before the agent answers: what the host asks for right after that must not be missed.
var signals = PowerOff.OnSignals();
var server = new AgentServer(reactor, new Reaper());
var ways = AgentWays.Open(reactor);
KernelLog.Info($"serving{ways}");
reactor.Run(() => ways.ServeAsync(server).ContinueWith(
    end =>
    {
        KernelLog.Error($"the agent ends: {end.Exception}");
        Environment.Exit(1);
    },
    TaskScheduler.Default));
GC.KeepAlive(signals);
return 1;
