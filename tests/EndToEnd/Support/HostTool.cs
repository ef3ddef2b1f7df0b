using System.ComponentModel;
using System.Diagnostics;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>A program of the host's.</summary>
internal static class HostTool
{
    /// <returns>What it said when it failed, or why it could not be run; else null.</returns>
    public static async Task<string?> RunAsync(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            var error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? null : error.Trim();
        }
        catch (Win32Exception e)
        {
            return e.Message;
        }
    }
}
