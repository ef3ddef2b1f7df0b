using VmCacheCluster.Tests.TestSupport.Qmp;

namespace VmCacheCluster.Tests.Unit.Qmp;

/// <summary>The contract against the fake peer: keeps the fake honest.</summary>
public sealed class FakePeerContractSpecs : QmpClientContract
{
    protected override Task<IMonitor> StartAsync() => Task.FromResult<IMonitor>(new FakeMonitor());

    /// <summary>One client after the other, as QEMU does it.</summary>
    private sealed class FakeMonitor : IMonitor
    {
        private readonly FakeQmpPeer _peer = new();
        private readonly CancellationTokenSource _ending = new();
        private readonly Task _serving;

        public FakeMonitor() => _serving = ServeAsync();

        public string Path => _peer.Path;

        public async ValueTask DisposeAsync()
        {
            await _ending.CancelAsync();
            await _peer.DisposeAsync();
            await _serving;
            _ending.Dispose();
        }

        private async Task ServeAsync()
        {
            while (!_ending.IsCancellationRequested)
            {
                try
                {
                    using var connection = await _peer.AcceptGreetedAsync();
                    while (true) await connection.SendAsync(Answer(await connection.ReceiveAsync()));
                }
                catch (Exception fault) when (fault is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
                {
                    // This client left, or the test is over.
                }
            }
        }

        private static string Answer(FakeQmpCommand command) => command.Command switch
        {
            "query-status" => command.Return("""{"status": "prelaunch", "singlestep": false, "running": false}"""),
            "cont" => """{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESUME"}""" + "\r\n" + command.Return("{}"),
            "stop" => """{"timestamp": {"seconds": 1, "microseconds": 3}, "event": "STOP"}""" + "\r\n" + command.Return("{}"),
            "set-action" when command.Arguments.Contains("no-such-action", StringComparison.Ordinal) =>
                command.Error("GenericError", "Invalid parameter 'no-such-action'"),
            "set-action" => command.Return("{}"),
            _ => command.Error("CommandNotFound", $"The command {command.Command} has not been found"),
        };
    }
}
