using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.ControlGroups;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

/// <summary>What is written to a control group, in a directory that stands for one. The kernel's part: the laboratory's scene "rights".</summary>
public sealed class ControlGroupSpecs : IDisposable
{
    private readonly FakeControlGroup _group = new();
    private readonly VmId _vm = VmId.New();

    private string Group => _group.Path;

    public void Dispose() => _group.Dispose();

    [Fact]
    public void Gives_each_vm_its_bounds_and_higher_ones_when_it_grows()
    {
        var tree = ControlGroupTree.Open(Group);
        Assert.Equal("+memory +pids +cpu", File.ReadAllText(Path.Combine(Group, "cgroup.subtree_control")));
        Assert.Null(tree.Find(_vm));

        tree.Make(_vm, new VmBounds(1 << 30, 130, 100)).Join(4711);

        Assert.Equal(("1073741824", "130", "100", "4711"), (Read("memory.max"), Read("pids.max"), Read("cpu.weight"), Read("cgroup.procs")));
        tree.Find(_vm)!.Set(new VmBounds(2L << 30, 130, 200));
        Assert.Equal(("2147483648", "200"), (Read("memory.max"), Read("cpu.weight")));
    }

    [Theory]
    [InlineData("memory.events.local", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n", "was killed, for it wanted more memory than the 1024 MiB that its control group has (memory.max)")]
    [InlineData("memory.events", "low 0\nmax 9\noom 1\noom_kill 2\n", "was killed, for it wanted more memory than the 1024 MiB that its control group has (memory.max)")]
    [InlineData("memory.events.local", "low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\n", null)]
    [InlineData("memory.events.local", "", null)]
    public void Says_of_a_vm_that_was_killed_for_its_memory_that_it_was(string file, string events, string? why)
    {
        var group = ControlGroupTree.Open(Group).Make(_vm, new VmBounds(1 << 30, 130, 100));
        File.WriteAllText(_group.FileOf(_vm.Value, file), events);

        Assert.Equal(why, group.WhyEnded());
    }

    /// <summary>A group whose members have limits has no process of its own.</summary>
    [Fact]
    public void Moves_the_process_that_keeps_a_units_group_below_it()
    {
        File.WriteAllText(Path.Combine(Group, "cgroup.procs"), "4712\n");

        ControlGroupTree.Open(Group);

        Assert.Equal("4712", File.ReadAllText(Path.Combine(Group, "holder", "cgroup.procs")));
    }

    [Fact]
    public void Says_what_is_wrong_with_a_directory()
    {
        string Fault(string directory) => Assert.Throws<ControlGroupException>(() => ControlGroupTree.Open(directory)).Message;

        File.Delete(Path.Combine(Group, "cgroup.controllers"));
        Assert.StartsWith($"the control group {Group} cannot be used: it is no control group of version 2; ", Fault(Group), StringComparison.Ordinal);
        var elsewhere = Path.Combine(Group, "below");
        Assert.StartsWith($"the control group {elsewhere} cannot be used: it is in no control group of version 2; ", Fault(elsewhere), StringComparison.Ordinal);
        Assert.False(Directory.Exists(elsewhere));
    }

    private string Read(string file) => File.ReadAllText(_group.FileOf(_vm.Value, file));
}
