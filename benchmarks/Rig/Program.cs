using VmCacheCluster.Benchmarks.Rig;

var dist = Environment.GetEnvironmentVariable("VMCACHE_DIST") ?? Path.Combine(Root(AppContext.BaseDirectory), "dist");
return args switch
{
    ["get-base-vm", ..] => await GetBaseVmBenchmark.RunAsync(dist, Number(args, 1, 5)),
    ["get-base-vm-server", var directory] => await GetBaseVmServer.RunAsync(dist, directory),
    ["config", ..] => await ConfigBenchmark.RunAsync(dist, Number(args, 1, 8)),
    ["authority", ..] => await AuthorityBenchmark.RunAsync(Number(args, 1, 8)),
    ["acquire", ..] => await AcquireBenchmark.RunAsync(dist, Number(args, 1, 10)),
    ["acquire-v1", ..] => await AcquireV1Benchmark.RunAsync(dist, Number(args, 1, 15)),
    ["adopt", ..] => await AdoptBenchmark.RunAsync(dist, Number(args, 1, 5)),
    ["state-writes", ..] => await StateWritesBenchmark.RunAsync(dist, Number(args, 1, 200)),
    ["expiry", ..] => await ExpiryBenchmark.RunAsync(dist, Number(args, 1, 30)),
    ["clone", ..] => await CloneBenchmark.RunAsync(dist, Number(args, 1, 10)),
    ["template", ..] => await TemplateBenchmark.RunAsync(dist, Number(args, 1, 5)),
    ["refill", ..] => await RefillBenchmark.RunAsync(dist, Number(args, 1, 8)),
    ["idle", ..] => await IdleBenchmark.RunAsync(dist, Number(args, 1, 60)),
    ["flood", ..] => await FloodBenchmark.RunAsync(dist, Number(args, 1, 30)),
    ["cluster-acquire", ..] => await ClusterAcquireBenchmark.RunAsync(dist, Number(args, 1, 150)),
    ["remote-acquire", ..] => await RemoteAcquireBenchmark.RunAsync(dist, Number(args, 1, 150)),
    ["relay", var directory, var certificates, var back, var peer] => await Relay.RunAsync(directory, certificates, int.Parse(back), int.Parse(peer)),
    ["inventory", ..] => await InventoryBenchmark.RunAsync(dist, Number(args, 1, 60)),
    ["thousand", ..] => ThousandHosts.Run(dist, Number(args, 1, 1)),
    _ => Usage(),
};

static string Root(string directory)
    => File.Exists(Path.Combine(directory, "VmCacheCluster.sln")) ? directory : Root(Path.GetDirectoryName(directory)!);

static int Number(string[] args, int index, int otherwise) => args.Length > index ? int.Parse(args[index]) : otherwise;

static int Usage()
{
    Console.Error.WriteLine("""
        usage, from the repository's root after ./build.sh --test:
          dotnet run -c Release --project benchmarks/Rig -- get-base-vm [ROUNDS]   warm GetBaseVM against a constant answer (fake QEMU)
          dotnet run -c Release --project benchmarks/Rig -- config [ROUNDS]        Kata's Config against a constant answer; reading a configuration.toml
          dotnet run -c Release --project benchmarks/Rig -- authority [ROUNDS]     what the sockets' reading of requests costs, against Kestrel's own
          dotnet run -c Release --project benchmarks/Rig -- acquire [PAIRS]        acquire until the agent answers against bare cont + call (real QEMU)
          dotnet run -c Release --project benchmarks/Rig -- acquire-v1 [PAIRS]     a lease's preparation against bare cont + prepare (real QEMU)
          dotnet run -c Release --project benchmarks/Rig -- adopt [ROUNDS]         a daemon taken over by another (50 fake VMs, 10 real ones)
          dotnet run -c Release --project benchmarks/Rig -- state-writes [TIMES]   what the writes of state are of an acquire (fake QEMU)
          dotnet run -c Release --project benchmarks/Rig -- expiry [LEASES]        how long after its lease a VM is gone (fake QEMU)
          dotnet run -c Release --project benchmarks/Rig -- clone [PAIRS]          clones against a bare load and against boots; their memory (real QEMU)
          dotnet run -c Release --project benchmarks/Rig -- template [ROUNDS]      a template from a peer against one that is made (real QEMU)
          dotnet run -c Release --project benchmarks/Rig -- refill [ROUNDS]        ten VMs by clone and by boot; acquires while a pool refills (real QEMU)
          dotnet run -c Release --project benchmarks/Rig -- cluster-acquire [N]    a warm VM of this host in clusters of 1, 10 and 50 (fake QEMU, simulated members)
          dotnet run -c Release --project benchmarks/Rig -- remote-acquire [N]     a warm VM of another host against a bare hop (fake QEMU)
          dotnet run -c Release --project benchmarks/Rig -- inventory [ROUNDS]     how soon others see what a host has; a killed daemon (fake QEMU)
          dotnet run -c Release --project benchmarks/Rig -- thousand [SEED]        inventory and placement of 1,000 hosts (a simulation)
          dotnet run -c Release --project benchmarks/Rig -- idle [SECONDS]         a daemon with 10 warm VMs at rest (fake QEMU)
          dotnet run -c Release --project benchmarks/Rig -- flood [SECONDS]        a daemon's memory before and after a flood of calls (fake QEMU)
        """);
    return 2;
}
