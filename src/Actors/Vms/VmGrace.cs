using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Vms;

/// <summary>How long a VM has been held: until its holder has acted, and, by Kata's call, until its pool ends it when nobody is connected. Part
/// of the VM's actor.</summary>
internal sealed class VmGrace(VmState state, IVmWork work, Func<ITimerScheduler> timers)
{
    /// <summary>Between two looks at whether somebody is connected.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private HostTime? _handedOutBefore;
    private bool _watching;

    /// <summary>It was handed out by an earlier daemon.</summary>
    public void GoesOn(HostTime since) => (_handedOutBefore, state.HeldSince) = (since, since);

    public void Start()
    {
        var grace = state.Plan.Grace;
        var left = grace;
        if (_handedOutBefore is { } since)
        {
            _handedOutBefore = null;
            left = TimeSpan.FromTicks(Math.Clamp((grace - (Since(since) ?? grace)).Ticks, 1, grace.Ticks));
        }

        state.ConfirmBefore = state.Ports.Time.GetUtcNow() + left;
        timers().StartSingleTimer(nameof(VmEffect.StartGrace), new VmInput.GraceExpired(grace), left);
    }

    public void Cancel()
    {
        state.ConfirmBefore = null;
        timers().Cancel(nameof(VmEffect.StartGrace));
    }

    /// <summary>Its life has changed.</summary>
    public void Watch()
    {
        if (!_watching && IsKatas && state.Plan.HeldLimit is { } limit) LookIn(limit - Held);
    }

    public void Due()
    {
        if (!IsKatas) _watching = false;
        else state.Vm!.HasClientAsync(work.Whole).PipeTo(work.Self, success: has => new ClientKnown(has), failure: _ => new ClientKnown(true));
    }

    public void Known(ClientKnown known)
    {
        _watching = false;
        if (!IsKatas || state.Plan.HeldLimit is not { } limit) return;
        if (known.Connected) LookIn(limit < Pause ? limit : Pause);
        else work.Apply(new VmInput.HeldTooLong(limit));
    }

    private bool IsKatas => state.Life is { Phase: VmPhase.Leased, Path: HandOutPath.Kata, Confirmed: true };

    private TimeSpan Held => state.HeldSince is { } since ? Since(since) ?? TimeSpan.Zero : TimeSpan.Zero;

    private void LookIn(TimeSpan time)
    {
        _watching = true;
        timers().StartSingleTimer(nameof(HeldDue), HeldDue.Instance, time > TimeSpan.Zero ? time : TimeSpan.FromTicks(1));
    }

    /// <returns>Null: that was before the host was booted.</returns>
    private TimeSpan? Since(HostTime then)
    {
        var now = state.Ports.Clock.Now;
        return now.BootId == then.BootId ? now.SinceBoot - then.SinceBoot : null;
    }
}

/// <summary>It is time to look whether somebody is connected to a VM that is held through Kata's call.</summary>
internal sealed record HeldDue { public static readonly HeldDue Instance = new(); }

internal sealed record ClientKnown(bool Connected);
