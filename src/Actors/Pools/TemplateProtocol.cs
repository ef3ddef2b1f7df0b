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
/// <param name="Told">How it came here just now, for a person: "made and proved"; null: it was found.</param>
public sealed record TemplateReady(VmSpec Spec, Template Template, string? Told);

/// <summary>From a TemplateActor to its pool: there is none, and it could not be made; it tries again by itself.</summary>
public sealed record TemplateFailed(VmSpec Spec, VmFailure Failure);

/// <summary>From a TemplateActor to its pool, for its events: a stored one could not be used, or another host's not be taken.</summary>
public sealed record TemplateNews(string What);
