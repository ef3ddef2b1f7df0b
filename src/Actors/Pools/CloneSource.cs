using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What a pool's next VM is made from: its template, a boot, or nothing yet.</summary>
internal sealed class CloneSource
{
    /// <summary>So many clones that fail in a row speak against their template.</summary>
    private const int Suspicious = 2;

    private RefillChoice _choice;
    private string? _unfit;
    private VmSpec? _spec;
    private Template? _template;
    private VmFailure? _failure;
    private int _failed;

    public bool Wanted => _choice != RefillChoice.Boot && _unfit is null;

    /// <summary>What to clone; null: boot.</summary>
    public Template? Template => _failure is null ? _template : null;

    /// <summary>False: a template is still to come.</summary>
    public bool MayMake => !Wanted || Template is not null || (_choice == RefillChoice.Auto && _failure is not null);

    /// <summary>The template that its clones speak against; null: none.</summary>
    public Template? Suspect => _failed >= Suspicious ? _template : null;

    /// <summary>Why nothing is made, or why it boots although it would clone; empty otherwise.</summary>
    public string Obstacle => !Wanted || Template is not null ? ""
        : _failure is null ? "its template is being made"
        : _choice == RefillChoice.Auto ? $"it boots, for it cannot clone: {_failure}"
        : $"it cannot clone: {_failure}";

    /// <summary>For people: what is cloned, or why not.</summary>
    public string Reason => !Wanted ? _unfit is null || _choice == RefillChoice.Boot ? "refill = boot" : $"it boots, for it cannot clone: {_unfit}"
        : Template is { } template ? $"template {template.Digest.Value[..12]} of {template.MadeAt.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z, {template.MemoryBytes / (1024 * 1024)} MiB{(template.From is { } from ? $", from {from}" : "")}"
        : Obstacle;

    /// <param name="choice">What was asked for.</param>
    /// <param name="unfit">Why no such VM can be cloned; null: it can.</param>
    public void Choose(RefillChoice choice, string? unfit = null) => (_choice, _unfit) = (choice, unfit);

    /// <summary>What is made from now on; a template of anything else is no template for it.</summary>
    public void Want(VmSpec spec)
    {
        if (spec != _spec) (_spec, _template, _failure, _failed) = (spec, null, null, 0);
    }

    public void Ready(VmSpec spec, Template template)
    {
        if (spec == _spec) (_template, _failure, _failed) = (template, null, 0);
    }

    public void Failed(VmSpec spec, VmFailure failure)
    {
        if (spec == _spec) _failure = failure;
    }

    public void CloneSucceeded() => _failed = 0;

    /// <summary>From then on it boots, until there is another template.</summary>
    public void CloneFailed(VmFailure failure)
    {
        // One that was given up says nothing.
        if (failure.Kind == VmFailureKind.Cancelled) return;
        if (++_failed >= Suspicious) _failure = failure;
    }
}
