using System.Net.Sockets;
using VmCacheCluster.Actors.Gateway;

namespace VmCacheCluster.Tests.Unit.Gateway.Services;

/// <summary>The VM's side of one of its sockets, and what the actors say of it.</summary>
internal sealed class VmEnd : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vme");
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public VmEnd()
    {
        Path = System.IO.Path.Combine(_directory.FullName, "console.sock");
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen(1);
    }

    public string Path { get; }

    /// <summary>Completed, the VM has ended.</summary>
    public TaskCompletionSource<VmRefused> Over { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What the VM's actor answers to its holder.</summary>
    public SocketLent Lent => new(ServiceHost.Id, Path, Over.Task);

    public async Task<NetworkStream> AcceptAsync() => new(await _listener.AcceptAsync().WaitAsync(ServiceHost.Patience), ownsSocket: true);

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _directory.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}
