using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>What the host refuses, as failures of a template.</summary>
internal static class TemplateFailures
{
    /// <exception cref="VmFailedException">The host refused it.</exception>
    public static T OnHost<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (InvalidDataException fault)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, $"templates cannot be kept: {fault.Message}",
                "give the daemon a template directory of its own"), fault);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From("the template", fault), fault);
        }
    }
}
