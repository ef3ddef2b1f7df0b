using System.ComponentModel;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// Where VMs' processes run: in a network namespace without a network, without a right to make sockets, and where nothing of the host's
/// file systems may be written (Landlock). A thread's namespaces and rules are its children's: a program is started by a thread that goes there and
/// ends. Safe for use by many threads.
/// </summary>
internal sealed class Confinement : IDisposable
{
    private const int NetworkNamespace = 0x40000000;

    private readonly SafeFileHandle? _network;
    private readonly string[] _writable;

    private Confinement(SafeFileHandle? network, string[] writable, IReadOnlyList<string> problems) =>
        (_network, _writable, Problems) = (network, writable, problems);

    /// <summary>What the host does not do of it, for a person.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <param name="writable">Devices that VMs may write.</param>
    public static Confinement Create(params string[] writable)
    {
        List<string> problems = [];
        var network = OnThread(() =>
        {
            var made = NewNetwork();
            if (made is null) problems.Add($"VMs run in the host's network namespace, for the daemon cannot make another: {Error()}; give it CAP_SYS_ADMIN");
            return made;
        });
        if (!WriteRules.AreKnown)
            problems.Add("VMs may write where all users of the host may, such as /tmp and /dev/shm: the kernel has no Landlock; boot it with lsm=landlock,...");
        return new Confinement(network, writable, problems);
    }

    /// <summary>Runs what starts a program there.</summary>
    /// <param name="restricted">False: in the network namespace alone.</param>
    /// <exception cref="IOException">We cannot go there, or as <paramref name="start"/>.</exception>
    public int Run(bool restricted, Func<int> start) => OnThread(() =>
    {
        if (_network is not null && Native.EnterNamespace((int)_network.DangerousGetHandle(), NetworkNamespace) != 0)
            throw new IOException($"the VMs' network namespace cannot be entered: {Error()}");
        if (!restricted) return start();
        // A device may have appeared since the last time.
        WriteRules.Apply(_writable);
        SocketRules.Apply();
        return start();
    });

    public void Dispose() => _network?.Dispose();

    private static SafeFileHandle? NewNetwork()
    {
        if (Native.Unshare(NetworkNamespace) != 0) return null;
        var network = new SafeFileHandle(Native.Open("/proc/thread-self/ns/net", Native.O_RDONLY | Native.O_CLOEXEC), ownsHandle: true);
        return network.IsInvalid ? null : network;
    }

    /// <summary>On a thread of its own, which never comes back from where it goes.</summary>
    private static T OnThread<T>(Func<T> work)
    {
        T? result = default;
        ExceptionDispatchInfo? fault = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = work();
            }
            catch (Exception thrown)
            {
                fault = ExceptionDispatchInfo.Capture(thrown);
            }
        }) { IsBackground = true, Name = "vm start" };
        thread.Start();
        thread.Join();
        fault?.Throw();
        return result!;
    }

    private static string Error() => new Win32Exception(Marshal.GetLastPInvokeError()).Message;
}
