using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.TestSupport.Steps;

/// <summary>Is told of every step that a daemon takes through its ports; what it throws fails the step.</summary>
public interface IStepObserver
{
    /// <param name="step">Such as "Create", "Prepare", "Stop"; a mark's has its ownership: "Record:Reserved".</param>
    void Before(VmId vm, string step);

    /// <summary>The step had its effect, and whoever took it has not heard of it yet.</summary>
    void After(VmId vm, string step);
}

internal static class Steps
{
    public static async Task RunAsync(this IStepObserver observer, VmId vm, string step, Func<Task> work)
    {
        observer.Before(vm, step);
        await work().ConfigureAwait(false);
        observer.After(vm, step);
    }

    public static async Task<T> RunAsync<T>(this IStepObserver observer, VmId vm, string step, Func<Task<T>> work)
    {
        observer.Before(vm, step);
        var result = await work().ConfigureAwait(false);
        observer.After(vm, step);
        return result;
    }
}
