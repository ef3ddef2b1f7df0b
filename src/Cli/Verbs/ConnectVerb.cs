using System.CommandLine;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli.Verbs;

internal static class ConnectVerb
{
    private static readonly TimeSpan StandardLinger = TimeSpan.FromSeconds(1);

    private const int Chunk = 64 * 1024;

    internal static Command Create(Globals globals)
    {
        var word = new Argument<string>("VM") { Description = "A VM taken by acquire: its id, or an unambiguous beginning of it" };
        var socket = new Argument<string>("SOCKET")
        {
            Description = "agent (of a VM acquired with --client-holds-agent), console or qmp",
            HelpName = "agent|console|qmp",
            DefaultValueFactory = _ => "console",
        };
        socket.AcceptOnlyFromAmong("agent", "console", "qmp");
        var linger = DurationOption.Create("--linger", "After the end of standard input, go on until nothing has come for this long (else 1 s)");
        var token = Tokens.Option();
        var verb = new Command("connect", "Connect standard input and output to a VM's console, monitor or agent, on whatever host it runs")
        {
            word, socket, linger, token,
        };
        verb.SetAction((parse, cancel) => RunAsync(
            globals, parse, parse.GetRequiredValue(word), Tokens.Of(parse, token, globals.Host), SocketOf(parse.GetRequiredValue(socket)),
            parse.GetValue(linger) ?? StandardLinger, cancel));
        return verb;
    }

    private static VmSocket SocketOf(string named) => named switch
    {
        "agent" => VmSocket.Agent,
        "qmp" => VmSocket.Qmp,
        _ => VmSocket.Console,
    };

    private static async Task<int> RunAsync(
        Globals globals, ParseResult parse, string word, string token, VmSocket to, TimeSpan linger, CancellationToken cancel)
    {
        using var client = globals.Connect(parse);
        var vm = await VmLookup.FindAsync(client, word, cancel).ConfigureAwait(false);
        Holding.RequireLeased(vm);
        if (vm.ExpiresAt is null)
        {
            var path = to switch { VmSocket.Agent => vm.Agent, VmSocket.Qmp => vm.Qmp, _ => vm.Console };
            throw new CliException(
                ExitCode.WrongState, "FAILED_PRECONDITION", "WRONG_STATE",
                $"VM {vm.Id} was taken by 'vmcache get-base-vm' or Kata and has no lease: connect to {path} on its host itself");
        }

        if (token.Length == 0)
        {
            throw CliException.Usage($"VM {vm.Id} has a lease: name its token by --token or {Tokens.Variable}; 'vmcache acquire' printed it");
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var guest = await client.ConnectAsync(vm.Id, token, to, cancel).ConfigureAwait(false);
        await using (guest.ConfigureAwait(false))
        {
            using var output = globals.Host.OpenOut();
            try
            {
                await OutputAsync(guest, output, InputAsync(globals.Host.OpenIn(), guest, over.Token), linger, globals.Host.Time, cancel).ConfigureAwait(false);
            }
            finally
            {
                await over.CancelAsync().ConfigureAwait(false);
            }
        }

        return ExitCode.Ok;
    }

    /// <summary>
    /// Until the VM's side has closed, or, once standard input has ended, nothing has come for a while. The VM is not told of that end: QEMU
    /// would hang up at once, before it has answered. A read of a terminal cannot be cancelled, so the input is never waited for alone.
    /// </summary>
    private static async Task OutputAsync(
        Stream guest, Stream output, Task input, TimeSpan linger, TimeProvider time, CancellationToken cancel)
    {
        var chunk = new byte[Chunk];
        while (true)
        {
            var coming = guest.ReadAsync(chunk, cancel).AsTask();
            int read;
            if (await Task.WhenAny(coming, input).ConfigureAwait(false) == coming)
            {
                read = await coming.ConfigureAwait(false);
            }
            else
            {
                await input.ConfigureAwait(false);
                try
                {
                    read = await coming.WaitAsync(linger, time, cancel).ConfigureAwait(false);
                }
                catch (TimeoutException)
                {
                    return;
                }
            }

            if (read == 0)
            {
                return;
            }

            await output.WriteAsync(chunk.AsMemory(0, read), CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static async Task InputAsync(Stream input, Stream guest, CancellationToken cancel)
    {
        try
        {
            var chunk = new byte[Chunk];
            while (await input.ReadAsync(chunk, cancel).ConfigureAwait(false) is > 0 and var read)
            {
                await guest.WriteAsync(chunk.AsMemory(0, read), cancel).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (fault is VmCacheException or ObjectDisposedException or OperationCanceledException)
        {
            // The connection is over: its output says how.
        }
    }
}
