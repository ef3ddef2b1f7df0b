using System.Net.Sockets;
using VmCacheCluster.Agent;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Services;

/// <summary>
/// Connects to a socket of a VM. QEMU serves one client of a socket at a time and lets the next one wait without a word, connected as it
/// seems to be: the kernel knows better.
/// </summary>
internal static class GuestSocket
{
    /// <summary>QEMU takes a connection within milliseconds, on a busy host a second.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private const string KernelsTable = "/proc/net/unix";
    /// <summary>SS_CONNECTING: nobody has accepted it.</summary>
    private const string NotAccepted = "02";
    private const int StateColumn = 5;

    /// <summary>Returns when the VM's side has taken the connection.</summary>
    /// <param name="address">As <see cref="VmPaths.Of"/> has it.</param>
    /// <exception cref="Grpc.Core.RpcException">It did not, or there is nothing to connect to.</exception>
    public static async Task<Stream> OpenAsync(VmId vm, string address, TimeProvider time, CancellationToken cancel)
    {
        using var budget = new CancellationTokenSource(Patience, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, budget.Token);
        Stream? socket = null;
        try
        {
            while ((socket = await ConnectAsync(address, limit.Token)) is null) await Task.Delay(Pause, time, limit.Token);
            while (Waits(address)) await Task.Delay(Pause, time, limit.Token);
            return socket;
        }
        catch (Exception e)
        {
            if (socket is not null) await socket.DisposeAsync();
            if (e is TtrpcConnectionException) throw GrpcErrors.SocketFailed(vm, e.Message);
            if (e is OperationCanceledException && !cancel.IsCancellationRequested) throw GrpcErrors.SocketBusy(vm, address);
            throw;
        }
    }

    /// <returns>Null: not even those who may wait are few enough.</returns>
    private static async Task<Stream?> ConnectAsync(string address, CancellationToken cancel)
    {
        try
        {
            return await AgentAddress.ConnectAsync(address, cancel);
        }
        catch (TtrpcConnectionException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.WouldBlock })
        {
            return null;
        }
    }

    /// <summary>Somebody's connection to a socket waits to be accepted. Ours, in all likelihood, and if not: another client wants it too.</summary>
    private static bool Waits(string address)
    {
        try
        {
            var named = $" {address}";
            return File.ReadLines(KernelsTable).Any(
                line => line.EndsWith(named, StringComparison.Ordinal)
                    && line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: > StateColumn } columns && columns[StateColumn] == NotAccepted);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
