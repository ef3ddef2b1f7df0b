using VmCacheCluster.Domain;
using static VmCacheCluster.Domain.VmEffect;
using static VmCacheCluster.Domain.VmPhase;

namespace VmCacheCluster.Tests.Unit.Domain;

public class VmLifecycleSpecs
{
    private static readonly VmFailure Boom = new(VmFailureKind.Boot, "boom");

    private static readonly VmFailure Busy = new(VmFailureKind.Host, "busy");

    private static readonly Dictionary<string, VmInput> Inputs = new()
    {
        ["created"] = new VmInput.Created(),
        ["loaded"] = new VmInput.Loaded(Prime: true),
        ["loadedunprimed"] = new VmInput.Loaded(Prime: false),
        ["primed"] = new VmInput.Primed(),
        ["answered"] = new VmInput.AgentAnswered(),
        ["checked"] = new VmInput.AgentChecked(),
        ["paused"] = new VmInput.Paused(),
        ["reserve"] = new VmInput.Reserve(HandOutPath.Kata, Served.Warm),
        ["recorded"] = new VmInput.ReserveRecorded(),
        ["again"] = new VmInput.ClaimAgain(),
        ["prepared"] = new VmInput.Prepared(),
        ["use"] = new VmInput.Use(),
        ["save"] = new VmInput.Perform(new VmCommand.Save("/f")),
        ["pause"] = new VmInput.Perform(new VmCommand.Pause()),
        ["return"] = new VmInput.Return(),
        ["grace"] = new VmInput.GraceExpired(TimeSpan.FromSeconds(30)),
        ["expired"] = new VmInput.LeaseExpired(),
        ["answers"] = new VmInput.Answers(),
        ["silent"] = new VmInput.Silent(Boom, MayEnd: true),
        ["silentnotitsturn"] = new VmInput.Silent(Boom, MayEnd: false),
        ["unfit"] = new VmInput.Unfit(Boom),
        ["heldtoolong"] = new VmInput.HeldTooLong(TimeSpan.FromHours(1)),
        ["stop"] = new VmInput.Stop("asked"),
        ["failed"] = new VmInput.OperationFailed(Boom),
        ["left"] = new VmInput.OperationFailed(Boom, Left: Busy),
        ["stopdone"] = new VmInput.StopDone(),
        ["stopfailed"] = new VmInput.StopFailed(Boom),
        ["stopretry"] = new VmInput.StopRetryDue(),
        ["ran"] = new VmInput.Ran(),
        ["guest"] = new VmInput.GuestStopped("guest-shutdown"),
        ["lost"] = new VmInput.MonitorLost("EOF"),
        ["exited"] = new VmInput.Exited("exited with status 1", "log"),
    };

    private static readonly Dictionary<string, VmLife> States = new()
    {
        ["Creating"] = VmLife.New,
        ["Loading"] = VmLife.NewClone,
        ["Priming"] = new(Priming),
        ["Booting"] = new(Booting),
        ["Checking"] = new(Checking),
        ["Pausing"] = new(Pausing),
        ["Adopting"] = new(Adopting),
        ["Warm"] = new(Warm),
        ["Unresponsive"] = new(Unresponsive, Doubt: Boom),
        ["Reserved"] = new(Reserved, HandOutPath.Kata, Served.Warm),
        ["Unconfirmed"] = new(Leased, HandOutPath.Kata, Served.Warm),
        ["Confirmed"] = new(Leased, HandOutPath.Kata, Served.Warm, Confirmed: true),
        ["ReservedV1"] = new(Reserved, HandOutPath.V1, Served.Warm),
        ["Interrupted"] = new(Reserved, HandOutPath.V1, Served.Warm, Interrupted: true),
        ["Preparing"] = new(Preparing, HandOutPath.V1, Served.Warm),
        ["UnconfirmedV1"] = new(Leased, HandOutPath.V1, Served.Warm),
        ["ConfirmedV1"] = new(Leased, HandOutPath.V1, Served.Warm, Confirmed: true),
        ["Failed"] = new(Failed, Ending: new VmEnding("boom", Booting, Boom)),
        ["Stopping"] = new(Stopping, Ending: new VmEnding("asked", Warm)),
        ["StoppingUnmade"] = new(Stopping, Ending: new VmEnding("asked", Creating)),
        ["Gone"] = new(Gone, Ending: new VmEnding("asked", Warm)),
    };

    /// <summary>Every pair that does something. A pair that is not here must change nothing.</summary>
    private static readonly Dictionary<(string State, string Input), (VmPhase Next, VmEffect[] Effects)> Table = new()
    {
        [("Creating", "created")] = (Booting, [WaitForAgent]),
        [("Creating", "failed")] = (Gone, []),
        [("Creating", "stop")] = (Stopping, [CancelOperation]),
        [("Loading", "loaded")] = (Priming, [Prime]),
        [("Loading", "loadedunprimed")] = (Pausing, [Pause]),
        [("Loading", "failed")] = (Gone, []),
        [("Loading", "stop")] = (Stopping, [CancelOperation]),
        [("Priming", "primed")] = (Pausing, [Pause]),
        [("Priming", "failed")] = (Failed, [CancelOperation, Stop]),
        [("Priming", "stop")] = (Stopping, [CancelOperation, Stop]),
        [("Priming", "guest")] = (Failed, [CancelOperation, Stop]),
        [("Priming", "lost")] = (Failed, [CancelOperation, Stop]),
        [("Priming", "exited")] = (Failed, [CancelOperation, Stop]),
        [("Booting", "answered")] = (Checking, [CheckAgent]),
        [("Booting", "failed")] = (Failed, [CancelOperation, Stop]),
        [("Booting", "stop")] = (Stopping, [CancelOperation, Stop]),
        [("Booting", "lost")] = (Failed, [CancelOperation, Stop]),
        [("Booting", "exited")] = (Failed, [CancelOperation, Stop]),
        [("Checking", "checked")] = (Pausing, [Pause]),
        [("Checking", "failed")] = (Failed, [CancelOperation, Stop]),
        [("Checking", "stop")] = (Stopping, [CancelOperation, Stop]),
        [("Checking", "lost")] = (Failed, [CancelOperation, Stop]),
        [("Checking", "exited")] = (Failed, [CancelOperation, Stop]),
        [("Pausing", "paused")] = (Warm, []),
        [("Pausing", "failed")] = (Failed, [CancelOperation, Stop]),
        [("Pausing", "stop")] = (Stopping, [CancelOperation, Stop]),
        [("Pausing", "lost")] = (Failed, [CancelOperation, Stop]),
        [("Pausing", "exited")] = (Failed, [CancelOperation, Stop]),
        [("Adopting", "failed")] = (Failed, [CancelOperation, Stop]),
        [("Adopting", "stop")] = (Stopping, [CancelOperation, Stop]),
        [("Adopting", "exited")] = (Failed, [CancelOperation, Stop]),
        [("Warm", "reserve")] = (Reserved, [Reserve]),
        [("Warm", "stop")] = (Stopping, [Stop]),
        [("Warm", "ran")] = (Failed, [Stop]),
        [("Warm", "guest")] = (Failed, [Stop]),
        [("Warm", "lost")] = (Failed, [Stop]),
        [("Warm", "exited")] = (Failed, [Stop]),
        [("Warm", "silent")] = (Unresponsive, []),
        [("Warm", "silentnotitsturn")] = (Unresponsive, []),
        [("Warm", "unfit")] = (Failed, [Stop]),
        [("Unresponsive", "answers")] = (Warm, []),
        [("Unresponsive", "silent")] = (Failed, [Stop]),
        [("Unresponsive", "unfit")] = (Failed, [Stop]),
        [("Unresponsive", "stop")] = (Stopping, [Stop]),
        [("Unresponsive", "ran")] = (Failed, [Stop]),
        [("Unresponsive", "guest")] = (Failed, [Stop]),
        [("Unresponsive", "lost")] = (Failed, [Stop]),
        [("Unresponsive", "exited")] = (Failed, [Stop]),
        [("Reserved", "silent")] = (Unresponsive, [AnswerRefused]),
        [("Reserved", "silentnotitsturn")] = (Unresponsive, [AnswerRefused]),
        [("Reserved", "unfit")] = (Failed, [AnswerRefused, Stop]),
        [("ReservedV1", "silent")] = (Unresponsive, [AnswerRefused]),
        [("ReservedV1", "silentnotitsturn")] = (Unresponsive, [AnswerRefused]),
        [("ReservedV1", "unfit")] = (Failed, [AnswerRefused, Stop]),
        [("Confirmed", "heldtoolong")] = (Stopping, [Stop]),
        [("Reserved", "recorded")] = (Leased, [StartGrace, AnswerReserved]),
        [("Reserved", "failed")] = (Failed, [AnswerRefused, Stop]),
        [("Reserved", "stop")] = (Stopping, [AnswerRefused, Stop]),
        [("Reserved", "ran")] = (Failed, [AnswerRefused, Stop]),
        [("Reserved", "guest")] = (Failed, [AnswerRefused, Stop]),
        [("Reserved", "lost")] = (Failed, [AnswerRefused, Stop]),
        [("Reserved", "exited")] = (Failed, [AnswerRefused, Stop]),
        [("Unconfirmed", "return")] = (Warm, [CancelGrace, RecordWarm]),
        [("Unconfirmed", "grace")] = (Stopping, [Stop]),
        [("Unconfirmed", "stop")] = (Stopping, [CancelGrace, Stop]),
        [("Unconfirmed", "ran")] = (Leased, [CancelGrace, RecordConfirmed]),
        [("Unconfirmed", "exited")] = (Stopping, [CancelGrace, Stop]),
        [("Confirmed", "return")] = (Stopping, [Stop]),
        [("Confirmed", "stop")] = (Stopping, [CancelGrace, Stop]),
        [("Confirmed", "exited")] = (Stopping, [CancelGrace, Stop]),
        [("ReservedV1", "recorded")] = (Preparing, [Prepare]),
        [("ReservedV1", "failed")] = (Failed, [AnswerRefused, Stop]),
        [("ReservedV1", "stop")] = (Stopping, [AnswerRefused, Stop]),
        [("ReservedV1", "ran")] = (Failed, [AnswerRefused, Stop]),
        [("ReservedV1", "guest")] = (Failed, [AnswerRefused, Stop]),
        [("ReservedV1", "lost")] = (Failed, [AnswerRefused, Stop]),
        [("ReservedV1", "exited")] = (Failed, [AnswerRefused, Stop]),
        [("Interrupted", "again")] = (Preparing, [CancelGrace, Prepare]),
        [("Interrupted", "grace")] = (Stopping, [Stop]),
        [("Interrupted", "stop")] = (Stopping, [CancelGrace, Stop]),
        [("Interrupted", "failed")] = (Failed, [CancelGrace, Stop]),
        [("Interrupted", "ran")] = (Failed, [CancelGrace, Stop]),
        [("Interrupted", "guest")] = (Failed, [CancelGrace, Stop]),
        [("Interrupted", "lost")] = (Failed, [CancelGrace, Stop]),
        [("Interrupted", "exited")] = (Failed, [CancelGrace, Stop]),
        [("Preparing", "prepared")] = (Leased, [StartGrace, StartLease, AnswerReserved]),
        [("Preparing", "failed")] = (Failed, [CancelOperation, AnswerRefused, Stop]),
        [("Preparing", "stop")] = (Stopping, [CancelOperation, AnswerRefused, Stop]),
        [("Preparing", "guest")] = (Failed, [CancelOperation, AnswerRefused, Stop]),
        [("Preparing", "lost")] = (Failed, [CancelOperation, AnswerRefused, Stop]),
        [("Preparing", "exited")] = (Failed, [CancelOperation, AnswerRefused, Stop]),
        [("UnconfirmedV1", "use")] = (Leased, [CancelGrace, RecordConfirmed]),
        [("UnconfirmedV1", "save")] = (Leased, [Perform]),
        [("UnconfirmedV1", "pause")] = (Leased, [Perform]),
        [("UnconfirmedV1", "return")] = (Stopping, [CancelGrace, Stop]),
        [("UnconfirmedV1", "grace")] = (Stopping, [Stop]),
        [("UnconfirmedV1", "expired")] = (Stopping, [CancelGrace, Stop]),
        [("UnconfirmedV1", "stop")] = (Stopping, [CancelGrace, Stop]),
        [("UnconfirmedV1", "exited")] = (Stopping, [CancelGrace, Stop]),
        [("ConfirmedV1", "use")] = (Leased, []),
        [("ConfirmedV1", "save")] = (Leased, [Perform]),
        [("ConfirmedV1", "pause")] = (Leased, [Perform]),
        [("ConfirmedV1", "return")] = (Stopping, [CancelGrace, Stop]),
        [("ConfirmedV1", "expired")] = (Stopping, [CancelGrace, Stop]),
        [("ConfirmedV1", "stop")] = (Stopping, [CancelGrace, Stop]),
        [("ConfirmedV1", "exited")] = (Stopping, [CancelGrace, Stop]),
        [("Creating", "left")] = (Failed, [RetryStopLater]),
        [("Loading", "left")] = (Failed, [RetryStopLater]),
        [("Priming", "left")] = (Failed, [CancelOperation, Stop]),
        [("Booting", "left")] = (Failed, [CancelOperation, Stop]),
        [("Checking", "left")] = (Failed, [CancelOperation, Stop]),
        [("Pausing", "left")] = (Failed, [CancelOperation, Stop]),
        [("Adopting", "left")] = (Failed, [CancelOperation, Stop]),
        [("Reserved", "left")] = (Failed, [AnswerRefused, Stop]),
        [("ReservedV1", "left")] = (Failed, [AnswerRefused, Stop]),
        [("Interrupted", "left")] = (Failed, [CancelGrace, Stop]),
        [("Preparing", "left")] = (Failed, [CancelOperation, AnswerRefused, Stop]),
        [("StoppingUnmade", "left")] = (Stopping, [RetryStopLater]),
        [("Failed", "stopdone")] = (Gone, []),
        [("Failed", "stopfailed")] = (Failed, [RetryStopLater]),
        [("Failed", "stopretry")] = (Failed, [Stop]),
        [("Stopping", "stopdone")] = (Gone, []),
        [("Stopping", "stopfailed")] = (Stopping, [RetryStopLater]),
        [("Stopping", "stopretry")] = (Stopping, [Stop]),
        [("StoppingUnmade", "stopdone")] = (Gone, []),
        [("StoppingUnmade", "stopfailed")] = (Stopping, [RetryStopLater]),
        [("StoppingUnmade", "stopretry")] = (Stopping, [Stop]),
        [("StoppingUnmade", "failed")] = (Gone, []),
        [("StoppingUnmade", "created")] = (Stopping, [Stop]),
        [("StoppingUnmade", "loaded")] = (Stopping, [Stop]),
        [("StoppingUnmade", "loadedunprimed")] = (Stopping, [Stop]),
        [("Stopping", "created")] = (Stopping, [Stop]),
        [("Stopping", "loaded")] = (Stopping, [Stop]),
        [("Stopping", "loadedunprimed")] = (Stopping, [Stop]),
    };

    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (var state in States.Keys)
            foreach (var input in Inputs.Keys)
                pairs.Add(state, input);
        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Answers_every_input_in_every_state(string state, string input)
    {
        var before = States[state];
        var decision = VmLifecycle.Decide(before, Inputs[input]);

        if (Table.TryGetValue((state, input), out var expected))
        {
            Assert.True(decision.Handled);
            Assert.Equal(expected.Next, decision.Next.Phase);
            Assert.Equal(expected.Effects, decision.Effects);
        }
        else if (input == "reserve")
        {
            Assert.Same(before, decision.Next);
            Assert.Equal([AnswerRefused], decision.Effects);
        }
        else
        {
            Assert.False(decision.Handled);
            Assert.Same(before, decision.Next);
            Assert.Empty(decision.Effects);
        }
    }

    [Fact]
    public void Covers_every_kind_of_input_and_every_phase()
    {
        var kinds = typeof(VmInput).GetNestedTypes().Where(t => t.IsSubclassOf(typeof(VmInput))).ToHashSet();
        Assert.Equal(kinds, Inputs.Values.Select(i => i.GetType()).ToHashSet());
        Assert.Equal(Enum.GetValues<VmPhase>().ToHashSet(), States.Values.Select(s => s.Phase).ToHashSet());
    }

    [Fact]
    public void Says_why_and_during_what_it_ended()
    {
        var ending = VmLifecycle.Decide(new VmLife(Warm), new VmInput.Exited("was killed by signal 9 (SIGKILL)", "")).Next.Ending;

        Assert.Equal(Warm, ending!.During);
        Assert.Equal("QEMU was killed by signal 9 (SIGKILL)", ending.Reason);
        Assert.Equal(VmFailureKind.Exited, ending.Failure!.Kind);
    }

    [Theory]
    [InlineData("Failed")]
    [InlineData("Stopping")]
    public void Keeps_what_is_in_the_way_of_an_end_until_it_is_complete(string state)
    {
        var hindered = VmLifecycle.Decide(States[state], new VmInput.StopFailed(Busy)).Next;
        var again = VmLifecycle.Decide(hindered, new VmInput.StopFailed(Busy));
        var retried = VmLifecycle.Decide(hindered, new VmInput.StopRetryDue()).Next;
        var otherwise = VmLifecycle.Decide(retried, new VmInput.StopFailed(Boom)).Next;

        Assert.Equal(States[state] with { Ending = States[state].Ending! with { Obstacle = Busy } }, hindered);
        Assert.Equal($"{hindered.Ending!.Reason}; its end cannot be completed: busy", hindered.Ending.Text);
        // Equal lives are told to nobody.
        Assert.Equal(hindered, again.Next);
        Assert.Equal(hindered, retried);
        Assert.Equal(Boom, otherwise.Ending!.Obstacle);
        Assert.Null(VmLifecycle.Decide(otherwise, new VmInput.StopDone()).Next.Ending!.Obstacle);
    }

    [Theory]
    [InlineData("Creating", Creating)]
    [InlineData("Loading", Loading)]
    [InlineData("StoppingUnmade", Creating)]
    public void Goes_on_ending_what_a_creation_has_left(string state, VmPhase during)
    {
        var next = VmLifecycle.Decide(States[state], Inputs["left"]).Next;

        Assert.Equal((Busy, during), (next.Ending!.Obstacle, next.Ending.During));
        Assert.Equal(state == "StoppingUnmade" ? "asked" : "boom", next.Ending.Reason);
    }

    [Fact]
    public void Forgets_the_caller_when_an_undelivered_vm_comes_back()
        => Assert.Equal(new VmLife(Warm), VmLifecycle.Decide(States["Unconfirmed"], new VmInput.Return()).Next);

    [Fact]
    public void Is_nobodys_when_it_did_not_answer_before_it_was_handed_out()
        => Assert.Equal(new VmLife(Unresponsive, Doubt: Boom), VmLifecycle.Decide(States["ReservedV1"], Inputs["silent"]).Next);

    [Fact]
    public void Is_as_any_warm_one_when_it_answers_again()
        => Assert.Equal(new VmLife(Warm), VmLifecycle.Decide(States["Unresponsive"], Inputs["answers"]).Next);

    [Theory]
    [InlineData("Unconfirmed", "ran", "Confirmed")]
    [InlineData("UnconfirmedV1", "use", "ConfirmedV1")]
    [InlineData("ConfirmedV1", "use", "ConfirmedV1")]
    [InlineData("Interrupted", "again", "Preparing")]
    [InlineData("ReservedV1", "recorded", "Preparing")]
    [InlineData("Preparing", "prepared", "UnconfirmedV1")]
    public void Keeps_what_is_known_of_the_hand_out(string state, string input, string next)
        => Assert.Equal(States[next], VmLifecycle.Decide(States[state], Inputs[input]).Next);

    [Theory]
    // What is nobody's, whatever its state file says of a path.
    [InlineData(VmOwnership.Making, HandOutPath.Kata, TakenOver.AsMarked, Stopping, false, new[] { Stop })]
    [InlineData(VmOwnership.Stopping, HandOutPath.Kata, TakenOver.AsMarked, Stopping, false, new[] { Stop })]
    [InlineData(VmOwnership.Stopping, HandOutPath.V1, TakenOver.AsMarked, Stopping, false, new[] { Stop })]
    [InlineData(VmOwnership.Warm, HandOutPath.None, TakenOver.AsMarked, Warm, false, new VmEffect[0])]
    [InlineData(VmOwnership.Warm, HandOutPath.None, TakenOver.Spoilt, Failed, false, new[] { CancelOperation, Stop })]
    // Kata's.
    [InlineData(VmOwnership.Reserved, HandOutPath.Kata, TakenOver.AsMarked, Leased, false, new[] { StartGrace })]
    [InlineData(VmOwnership.Reserved, HandOutPath.Kata, TakenOver.RanMeanwhile, Leased, true, new[] { RecordConfirmed })]
    [InlineData(VmOwnership.Unconfirmed, HandOutPath.Kata, TakenOver.AsMarked, Leased, false, new[] { StartGrace })]
    [InlineData(VmOwnership.Unconfirmed, HandOutPath.Kata, TakenOver.RanMeanwhile, Leased, true, new[] { RecordConfirmed })]
    [InlineData(VmOwnership.Confirmed, HandOutPath.Kata, TakenOver.AsMarked, Leased, true, new VmEffect[0])]
    [InlineData(VmOwnership.Preparing, HandOutPath.Kata, TakenOver.AsMarked, Stopping, false, new[] { Stop })]
    // vmcache.v1's.
    [InlineData(VmOwnership.Reserved, HandOutPath.V1, TakenOver.AsMarked, Reserved, false, new[] { StartGrace })]
    [InlineData(VmOwnership.Preparing, HandOutPath.V1, TakenOver.AsMarked, Reserved, false, new[] { StartGrace })]
    [InlineData(VmOwnership.Unconfirmed, HandOutPath.V1, TakenOver.AsMarked, Leased, false, new[] { StartGrace, StartLease })]
    [InlineData(VmOwnership.Confirmed, HandOutPath.V1, TakenOver.AsMarked, Leased, true, new[] { StartLease })]
    public void Goes_on_with_what_an_earlier_daemon_had(
        VmOwnership ownership, HandOutPath path, TakenOver what, VmPhase phase, bool confirmed, VmEffect[] effects)
    {
        var mark = new VmMark(ownership, path, Served.OnDemand, default);

        var decision = VmLifecycle.Resume(mark, new TakeOverVerdict(what, "why"));

        Assert.Equal(phase, decision.Next.Phase);
        Assert.Equal(confirmed, decision.Next.Confirmed);
        Assert.Equal(phase == Reserved, decision.Next.Interrupted);
        Assert.Equal(effects, decision.Effects);
        if (decision.Next.Held) Assert.Equal((path, Served.OnDemand), (decision.Next.Path, decision.Next.Served));
        if (phase == Warm) Assert.Equal(new VmLife(Warm), decision.Next);
    }

    [Theory]
    [InlineData(VmOwnership.Warm, HandOutPath.None, Adopting, false, false)]
    [InlineData(VmOwnership.Reserved, HandOutPath.V1, Reserved, false, true)]
    [InlineData(VmOwnership.Preparing, HandOutPath.V1, Reserved, false, true)]
    [InlineData(VmOwnership.Reserved, HandOutPath.Kata, Leased, false, false)]
    [InlineData(VmOwnership.Unconfirmed, HandOutPath.Kata, Leased, false, false)]
    [InlineData(VmOwnership.Unconfirmed, HandOutPath.V1, Leased, false, false)]
    [InlineData(VmOwnership.Confirmed, HandOutPath.Kata, Leased, true, false)]
    [InlineData(VmOwnership.Confirmed, HandOutPath.V1, Leased, true, false)]
    public void Shows_a_vm_as_its_state_file_says_while_it_is_taken_over(
        VmOwnership ownership, HandOutPath path, VmPhase phase, bool confirmed, bool interrupted)
    {
        var life = VmLifecycle.WhileTakenOver(new VmMark(ownership, path, Served.Warm, default));

        Assert.Equal((phase, confirmed, interrupted), (life.Phase, life.Confirmed, life.Interrupted));
        if (phase != Adopting) Assert.Equal((path, Served.Warm), (life.Path, life.Served));
    }
}
