using System.Reflection;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Faults;

/// <summary>
/// Stands before a port, whichever it is: what a call brings that is a port itself is stood before too. So no method is forgotten that is added
/// later. Calls that are no tasks are those that never fail by contract; they go through.
/// </summary>
public class FaultyPort : DispatchProxy
{
    private static readonly Type[] Ports = [typeof(IHypervisor), typeof(IVm), typeof(IGuest), typeof(IGuestProgram), typeof(ITemplates), typeof(ITemplatePeers)];

    private static readonly MethodInfo Typed = typeof(FaultyPort).GetMethod(nameof(RunAsync), BindingFlags.Instance | BindingFlags.NonPublic)!;

    private object _inner = null!;
    private Type _port = null!;
    private PortFaults _faults = null!;
    private VmId? _vm;

    /// <summary>The calls of all ports that can fail, as <see cref="PortCall.Name"/> has them, a mark's without its ownership.</summary>
    public static IReadOnlyList<string> Fallible => [.. Ports.SelectMany(p => p.GetMethods().Where(IsFallible).Select(m => $"{p.Name}.{m.Name}"))];

    internal static T Around<T>(T inner, PortFaults faults, VmId? vm) where T : class => (T)Around(typeof(T), inner, faults, vm);

    protected override object? Invoke(MethodInfo? method, object?[]? args)
    {
        if (!IsFallible(method!)) return Call(method!, args);
        var name = $"{_port.Name}.{method!.Name}{(args!.OfType<VmMark>().FirstOrDefault() is { } mark ? $":{mark.Ownership}" : "")}";
        var vm = _vm ?? args!.OfType<VmId>().Cast<VmId?>().FirstOrDefault() ?? args!.OfType<FoundVm>().FirstOrDefault()?.Id;
        return method.ReturnType == typeof(Task)
            ? _faults.RunAsync(name, vm, async () =>
            {
                await ((Task)Call(method, args)!).ConfigureAwait(false);
                return true;
            })
            : Typed.MakeGenericMethod(method.ReturnType.GetGenericArguments()).Invoke(this, [name, vm, method, args]);
    }

    private async Task<T> RunAsync<T>(string name, VmId? vm, MethodInfo method, object?[] args)
    {
        var result = await _faults.RunAsync(name, vm, () => (Task<T>)Call(method, args)!).ConfigureAwait(false);
        return result is not null && Ports.Contains(typeof(T)) ? (T)Around(typeof(T), result, _faults, (result as IVm)?.Facts.Id ?? vm) : result;
    }

    private object? Call(MethodInfo method, object?[]? args)
    {
        try
        {
            return method.Invoke(_inner, args);
        }
        catch (TargetInvocationException e) when (e.InnerException is { } fault)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
            throw;
        }
    }

    private static bool IsFallible(MethodInfo method) => typeof(Task).IsAssignableFrom(method.ReturnType);

    private static object Around(Type port, object inner, PortFaults faults, VmId? vm)
    {
        var proxy = Create(port, typeof(FaultyPort));
        var faulty = (FaultyPort)proxy;
        (faulty._inner, faulty._port, faulty._faults, faulty._vm) = (inner, port, faults, vm);
        return proxy;
    }
}
