// Gets a VM from the node of this host, runs a program in it, and gives it back.
//   dotnet run --project samples/AcquireAndRun [SOCKET]
using VmCacheCluster.Client;

var endpoint = args.Length > 0 ? args[0] : Environment.GetEnvironmentVariable("VMCACHE_ENDPOINT") ?? "/run/vmcache/cache.sock";
using var client = VmCacheClient.Open(endpoint);
try
{
    // The lease is renewed in the background; leaving this block destroys the VM, whatever happens.
    await using var vm = await client.AcquireAsync("default", new AcquireOptions
    {
        Environment = new Dictionary<string, string> { ["GREETING"] = "hello" },
        Labels = new Dictionary<string, string> { ["app"] = "sample" },
    });
    Console.WriteLine($"VM {vm.Id}: {vm.Cpus} vCPUs, {vm.MemoryMiB} MiB, held until {vm.ExpiresAt:HH:mm:ss} unless renewed");
    foreach (var (stage, took) in vm.Timeline) Console.WriteLine($"  {stage}: {took.TotalMilliseconds:0.0} ms");

    // A program that runs when the lease is lost has nothing to run in any more.
    var run = await vm.RunAsync(["sh", "-c", "echo $GREETING from $(uname -n)"], vm.Lost);
    Console.Write(run.Stdout);
    Console.Error.Write(run.Stderr);
    return run.Status;
}
catch (VmCacheException refused)
{
    var retry = refused.RetryAfter is { } delay ? $"; try again in {delay.TotalSeconds} s" : "";
    Console.Error.WriteLine($"{refused.Reason}: {refused.Message}{retry}");
    return 1;
}
