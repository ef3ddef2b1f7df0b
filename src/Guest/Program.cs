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

// Ears first: what the host does as soon as the agent has answered must not be missed.
var signals = PowerOff.OnSignals();
var pressed = PowerButton.PressedAsync(reactor);
var server = new AgentServer(AgentPort.Open(reactor), reactor, new Reaper());
KernelLog.Info("serving");
var serving = server.RunAsync();
if (await Task.WhenAny(serving, pressed).ConfigureAwait(false) == pressed)
{
    await pressed.ConfigureAwait(false);
    PowerOff.Now();
}

await serving.ConfigureAwait(false);
GC.KeepAlive(signals);
return 1;
