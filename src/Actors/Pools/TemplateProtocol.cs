using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>From a pool to its TemplateActor: such VMs are to be cloned. Answered by <see cref="TemplateReady"/> or
/// <see cref="TemplateFailed"/>, and again whenever that changes.</summary>
/// <param name="Options">Of the pool.</param>
public sealed record WantTemplate(VmSpec Spec, PoolOptions Options);

/// <summary>From a pool to its TemplateActor: clones of this one fail. It is made anew.</summary>
public sealed record TemplateSuspected(Template Template, string Reason);

/// <summary>From a pool to its TemplateActor: no template is needed any more. Answered by <see cref="TemplateStopped"/> when nothing
/// of one that was being made is left.</summary>
public sealed record StopTemplate
{
    public static readonly StopTemplate Instance = new();
}

public sealed record TemplateStopped
{
    public static readonly TemplateStopped Instance = new();
}

/// <summary>From a TemplateActor to its pool: it is being made now; before that it may have told that the host grants no slot.</summary>
public sealed record TemplateBegun
{
    public static readonly TemplateBegun Instance = new();
}

/// <summary>From a TemplateActor to its pool: clones start from this one from now on.</summary>
/// <param name="Made">Just now; else it was found.</param>
public sealed record TemplateReady(VmSpec Spec, Template Template, bool Made);

/// <summary>From a TemplateActor to its pool: there is none, and it could not be made; it tries again by itself.</summary>
public sealed record TemplateFailed(VmSpec Spec, VmFailure Failure);

/// <summary>From a TemplateActor to its pool: a stored one could not be used, and another one is made.</summary>
public sealed record TemplateSpoilt(VmFailure Failure);
