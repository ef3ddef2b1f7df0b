using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>One daemon with a good pool and beside it one for each way in which a pool can be broken.</summary>
public sealed class BrokenPools : IAsyncLifetime
{
    public const string Good = "default";

    private readonly House _house = new();

    internal DaemonProcess Daemon { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        var fifo = _house.At("fifo");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [fifo])) await mkfifo.WaitForExitAsync();
        // The shell itself hangs, and no child of it that would be left.
        var hang = _house.Script("hang", $"#!/bin/sh\nread nothing < {fifo}\n");
        var noProgram = _house.Write("text", "no program at all\n");
        Daemon = _house.Start($$"""
            {{_house.Fakes(1)}}
            boot-timeout = 3s
            boot-parallelism = 16
            backoff { initial = 1s, max = 5s }
            stop { quit = 500ms, term = 500ms, kill = 5s }
            pools {
              qemu-missing { qemu = "/no/such/qemu" }
              qemu-true { qemu = "/bin/true" }
              qemu-false { qemu = "/bin/false" }
              qemu-hangs { qemu = "{{hang}}" }
              qemu-not-executable { qemu = "{{noProgram}}" }
              kernel-missing { kernel = "/no/such/kernel" }
              {{Pool("agent-never", "agent=never", "console=Kernel panic - not syncing: VFS")}}
              {{Pool("agent-garbage", "agent=garbage")}}
              {{Pool("agent-not-serving", "agent=not-serving")}}
              {{Pool("agent-wrong-version", "agent=wrong-version")}}
              {{Pool("greeting-never", "greeting=never")}}
              {{Pool("qmp-garbage", "qmp=garbage")}}
              {{Pool("qmp-oversized", "qmp=oversized-line")}}
              {{Pool("exits-at-start", "exit-at-start=1:qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory")}}
              {{Pool("exits-while-booting", "boot-delay=50s", "exit-after=300ms:3")}}
              {{Pool("panics", "boot-delay=50s", "panic-after=1s", "console=Kernel panic - not syncing: no init")}}
              {{Pool("stop-fails", "fail-on=stop:the vCPUs are on strike")}}
              {{Pool("stop-hangs", "hang-on=stop", "ignore-sigterm")}}
              stop-hangs.boot-timeout = 30s
            }
            """);
        await Daemon.WarmAsync(Good);
    }

    public async Task DisposeAsync() => await _house.DisposeAsync();

    private string Pool(string name, params string[] directives) => $"{name} {{ kernel = \"{_house.Kernel(name, directives)}\" }}";
}
