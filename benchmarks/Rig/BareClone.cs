using System.Diagnostics;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.CommandLine;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>The least that a script would do: QEMU started on a stored template's files, its state loaded, no record, no checks.</summary>
public sealed class BareClone(string directory, VmSpec spec)
{
    public async Task<TimeSpan> TimeAsync()
    {
        var template = Directory.GetFiles($"{directory}/templates", "memory", SearchOption.AllDirectories).Single();
        var id = VmId.New();
        var paths = QemuPaths.For($"{directory}/run", $"{directory}/client", id);
        Directory.CreateDirectory(paths.Directory);
        Directory.CreateDirectory(paths.ClientDirectory);
        var start = new ProcessStartInfo(spec.Qemu) { RedirectStandardError = true };
        foreach (var argument in QemuCommandLine.Build(spec, paths, id, VmSource.Clone)) start.ArgumentList.Add(ByPath(argument, template, paths));

        var from = Stopwatch.GetTimestamp();
        using var qemu = Process.Start(start)!;
        try
        {
            await using var qmp = await ConnectAsync(paths.Supervisor);
            await qmp.ExecuteAsync("migrate-set-capabilities", static json =>
            {
                json.WriteStartArray("capabilities");
                json.WriteStartObject();
                json.WriteString("capability", "x-ignore-shared");
                json.WriteBoolean("state", true);
                json.WriteEndObject();
                json.WriteEndArray();
            });
            using (var state = File.OpenHandle(Path.Combine(Path.GetDirectoryName(template)!, "state"))) await qmp.GiveFileAsync("state", state);
            await qmp.ExecuteAsync("migrate-incoming", static json => json.WriteString("uri", "fd:state"));
            while ((await qmp.ExecuteAsync("query-migrate")).GetProperty("status").GetString() != "completed") await Task.Delay(1);
            return Stopwatch.GetElapsedTime(from);
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync();
            Directory.Delete(paths.Directory, recursive: true);
            Directory.Delete(paths.ClientDirectory, recursive: true);
        }
    }

    /// <summary>A script gives no descriptors.</summary>
    private static string ByPath(string argument, string template, VmPaths paths) => argument.Replace("/proc/self/fd/3", template)
        .Replace("id=supervisor,fd=4", $"id=supervisor,path={paths.Supervisor}").Replace("id=qmp,fd=5", $"id=qmp,path={paths.Qmp}")
        .Replace("id=console0,fd=6", $"id=console0,path={paths.Console}").Replace("id=agent0,fd=7", $"id=agent0,path={paths.Agent}");

    private static async Task<QmpClient> ConnectAsync(string socket)
    {
        while (true)
        {
            try
            {
                if (File.Exists(socket)) return await QmpClient.ConnectUnixAsync(socket);
            }
            catch (QmpDisconnectedException)
            {
                // Bound and not yet listening.
            }

            await Task.Delay(1);
        }
    }
}
