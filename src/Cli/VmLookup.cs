using Grpc.Core;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli;

/// <summary>Finds the VM that an argument means: a whole id, or the beginning of one that no other has.</summary>
internal static class VmLookup
{
    internal static async Task<Vm> FindAsync(VmCacheClient client, string word, CancellationToken cancel)
    {
        if (word.Length == 0)
        {
            throw CliException.Usage("the VM's id is empty (see 'vmcache status')");
        }

        try
        {
            return await client.GetAsync(word, Deadlines.Query, cancel).ConfigureAwait(false);
        }
        catch (VmCacheException fault) when (fault.Code is StatusCode.NotFound or StatusCode.InvalidArgument)
        {
            var node = await client.GetStatusAsync(Deadlines.Query, cancel).ConfigureAwait(false);
            var id = Resolve(word, node.Pools.SelectMany(p => p.Vms).Select(v => v.Id));
            return await client.GetAsync(id, Deadlines.Query, cancel).ConfigureAwait(false);
        }
    }

    /// <exception cref="CliException">No id begins so, or more than one does.</exception>
    internal static string Resolve(string word, IEnumerable<string> ids)
    {
        var found = ids.Where(id => id.StartsWith(word, StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal).ToList();
        return found switch
        {
            [var only] => only,
            [] => throw new CliException(
                ExitCode.NotFound, "NOT_FOUND", "VM_NOT_FOUND", $"no VM '{word}' is alive on this host (see 'vmcache status')"),
            _ when found.Contains(word) => word,
            _ => throw new CliException(
                ExitCode.Usage, "INVALID_ARGUMENT", "VM_AMBIGUOUS",
                $"'{word}' may be any of {string.Join(", ", found.Take(5))}{(found.Count > 5 ? ", ..." : "")}: write more of the id"),
        };
    }
}
