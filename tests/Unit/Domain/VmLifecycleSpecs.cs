using VmCacheCluster.Domain;
using static VmCacheCluster.Domain.VmEffect;
using static VmCacheCluster.Domain.VmPhase;

namespace VmCacheCluster.Tests.Unit.Domain;

public class VmLifecycleSpecs
{
    private static readonly VmFailure Boom = new(VmFailureKind.Boot, "boom");

    private static readonly Dictionary<string, VmInput> Inputs = new()
    {
        ["created"] = new VmInput.Created(),
        ["answered"] = new VmInput.AgentAnswered(),
        ["checked"] = new VmInput.AgentChecked(),
        ["paused"] = new VmInput.Paused(),
        ["reserve"] = new VmInput.Reserve(HandOutPath.Kata, Served.Warm),
        ["recorded"] = new VmInput.ReserveRecorded(),
        ["return"] = new VmInput.Return(),
        ["grace"] = new VmInput.GraceExpired(TimeSpan.FromSeconds(30)),
        ["stop"] = new VmInput.Stop("asked"),
        ["failed"] = new VmInput.OperationFailed(Boom),
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
        ["Booting"] = new(Booting),
        ["Checking"] = new(Checking),
        ["Pausing"] = new(Pausing),
        ["Warm"] = new(Warm),
        ["Reserved"] = new(Reserved, HandOutPath.Kata, Served.Warm),
        ["Unconfirmed"] = new(Leased, HandOutPath.Kata, Served.Warm),
        ["Confirmed"] = new(Leased, HandOutPath.Kata, Served.Warm, Confirmed: true),
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
        [("Warm", "reserve")] = (Reserved, [Reserve]),
        [("Warm", "stop")] = (Stopping, [Stop]),
        [("Warm", "ran")] = (Failed, [Stop]),
        [("Warm", "guest")] = (Failed, [Stop]),
        [("Warm", "lost")] = (Failed, [Stop]),
        [("Warm", "exited")] = (Failed, [Stop]),
        [("Reserved", "recorded")] = (Leased, [AnswerReserved, StartGrace]),
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
        [("Stopping", "created")] = (Stopping, [Stop]),
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

    [Fact]
    public void Forgets_the_caller_when_an_undelivered_vm_comes_back()
        => Assert.Equal(new VmLife(Warm), VmLifecycle.Decide(States["Unconfirmed"], new VmInput.Return()).Next);

    [Theory]
    [InlineData(VmOwnership.Making, Stopping, false, new[] { Stop })]
    [InlineData(VmOwnership.Warm, Stopping, false, new[] { Stop })]
    [InlineData(VmOwnership.Stopping, Stopping, false, new[] { Stop })]
    [InlineData(VmOwnership.Reserved, Leased, false, new[] { StartGrace })]
    [InlineData(VmOwnership.Unconfirmed, Leased, false, new[] { StartGrace })]
    [InlineData(VmOwnership.Confirmed, Leased, true, new VmEffect[0])]
    public void Goes_on_with_what_an_earlier_daemon_had_handed_out(
        VmOwnership ownership, VmPhase phase, bool confirmed, VmEffect[] effects)
    {
        var decision = VmLifecycle.Resume(new VmMark(ownership, HandOutPath.Kata, Served.OnDemand, default));

        Assert.Equal(phase, decision.Next.Phase);
        Assert.Equal(confirmed, decision.Next.Confirmed);
        Assert.Equal(effects, decision.Effects);
    }
}
