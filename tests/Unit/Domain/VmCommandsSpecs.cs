using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

public class VmCommandsSpecs
{
    private static readonly VmCommand[] Commands =
    [
        new VmCommand.Pause(), new VmCommand.Resume(), new VmCommand.Save("/f"), new VmCommand.AddCpus(1), new VmCommand.AddMemory(1),
        new VmCommand.Online(), new VmCommand.Reseed(), new VmCommand.SetClock(), new VmCommand.Assign(default), new VmCommand.Disconnect(),
    ];

    [Fact]
    public void Covers_every_command()
        => Assert.Equal(typeof(VmCommand).GetNestedTypes().ToHashSet(), Commands.Select(c => c.GetType()).ToHashSet());

    [Fact]
    public void Obeys_the_holder_of_a_lease_leaves_katas_client_alone_and_saves_what_is_warm()
    {
        foreach (var phase in Enum.GetValues<VmPhase>())
            foreach (var path in Enum.GetValues<HandOutPath>())
                foreach (var command in Commands)
                {
                    var may = phase == VmPhase.Leased ? path == HandOutPath.V1 : phase == VmPhase.Warm && command is VmCommand.Save;
                    var refusal = VmCommands.Refusal(new VmLife(phase, path), command);
                    Assert.True(may == refusal is null, $"{phase}, {path}, {command}: {refusal}");
                }
    }

    [Theory]
    [InlineData(VmPhase.Warm, HandOutPath.None, "it is warm, and must stay as it is for whoever gets it")]
    [InlineData(VmPhase.Leased, HandOutPath.Kata, "its holder controls it")]
    [InlineData(VmPhase.Booting, HandOutPath.None, "it is booting")]
    [InlineData(VmPhase.Gone, HandOutPath.V1, "it is gone")]
    public void Says_why_it_does_not(VmPhase phase, HandOutPath path, string reason)
        => Assert.Equal(reason, VmCommands.Refusal(new VmLife(phase, path), new VmCommand.Pause()));
}
