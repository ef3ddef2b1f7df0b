using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

/// <summary>What of a VM outlives the daemon: its process, its directory, its guest. Handles on it come and go.</summary>
public sealed class FakeMachine(VmFacts facts)
{
    private readonly Lock _gate = new();
    private FakeVm? _holder;

    public VmFacts Facts { get; } = facts;

    public FakeGuest Guest { get; } = new();

    public bool Alive { get; private set; } = true;

    /// <summary>Its directory is there, whether the process lives or not.</summary>
    public bool OnDisk { get; private set; } = true;

    public VmSize Size { get; private set; } = new(facts.Spec.Cpus, facts.Spec.MemoryMiB);

    public VmCondition Condition { get; set; } = VmCondition.Running;

    public VmPriority Priority { get; set; }

    /// <summary>False: QEMU answers no question.</summary>
    public bool Answers { get; set; } = true;

    /// <summary>How often it was asked whether it is fit.</summary>
    public int Asked { get; private set; }

    /// <summary>Of what its holder needs, the path that is gone.</summary>
    public string? Missing { get; set; }

    /// <summary>Somebody is connected to a socket of its holder's.</summary>
    public bool ClientConnected { get; set; }

    /// <summary>It grows with each resume.</summary>
    public TimeSpan GuestCpu { get; private set; } = TimeSpan.FromSeconds(1);

    public LeaseRecord? Lease { get; private set; }

    public SandboxId? Sandbox { get; private set; }

    /// <summary>Files that it was saved to.</summary>
    public List<string> Saved { get; } = [];

    public List<VmMark> Marks { get; } = [];

    /// <summary>A state file is there from the beginning.</summary>
    public VmMark LastMark
    {
        get { lock (Marks) return Marks.Count == 0 ? new VmMark(VmOwnership.Making, HandOutPath.None, Served.Unknown, default) : Marks[^1]; }
    }

    /// <summary>What a later process of the daemon finds.</summary>
    public FoundVm Found() => Spoiled(new FoundVm(Facts.Id, Facts, LastMark, Alive ? FoundProcess.Alive : FoundProcess.Gone, null)
    {
        Size = Size,
        Lease = Lease,
        GuestCpu = Alive ? GuestCpu : null,
    });

    /// <summary>What is left of what is on record of it.</summary>
    public Func<FoundVm, FoundVm> Spoiled { get; set; } = found => found;

    /// <summary>Nobody can read its record any more.</summary>
    public void SpoilRecord() => Spoiled = found => found with { Facts = null, Record = FoundRecord.Unreadable, Problem = "vm.json is damaged" };

    internal VmFitness Ask(TimeSpan limit, VmLiveness liveness)
    {
        Asked++;
        return !Answers ? VmFitness.NoAnswer(new VmFailure(VmFailureKind.Monitor, $"QEMU did not answer 'query-status' within {limit.TotalSeconds:0.#} s"))
            : liveness.Fit ? VmFitness.Fit
            : VmFitness.Unfit(new VmFailure(VmFailureKind.Host, liveness.Detail));
    }

    /// <summary>Called when somebody looks whether its record is there.</summary>
    public Func<Task<string?>> KeepRecordAsync { get; set; } = () => Task.FromResult<string?>(null);

    /// <summary>The client runs it, over its own monitor.</summary>
    public void RunByClient() => Happen(new VmEvent.Resumed(ByUs: false));

    /// <summary>The client pauses it, over its own monitor.</summary>
    public void PauseByClient() => Happen(new VmEvent.Stopped());

    public void Happen(VmEvent happened)
    {
        lock (_gate)
        {
            (Condition, GuestCpu) = happened switch
            {
                VmEvent.Resumed => (VmCondition.Running, GuestCpu + TimeSpan.FromMilliseconds(50)),
                VmEvent.Stopped when Condition == VmCondition.Running => (VmCondition.Paused, GuestCpu),
                VmEvent.Shutdown or VmEvent.Panicked => (VmCondition.Ended, GuestCpu),
                _ => (Condition, GuestCpu),
            };
            _holder?.Publish(happened);
        }
    }

    public void Die(string how)
    {
        lock (_gate)
        {
            if (!Alive) return;
            Alive = false;
            _holder?.PublishEnd(new VmEvent.Exited(how, ""));
        }
    }

    /// <exception cref="VmFailedException">Somebody else holds its monitor, or it is gone.</exception>
    internal void Take(FakeVm holder)
    {
        lock (_gate)
        {
            if (!Alive) throw new VmFailedException(new VmFailure(VmFailureKind.Exited, $"process {Facts.Process.Pid} is gone"));
            if (_holder is not null)
                throw new VmFailedException(new VmFailure(VmFailureKind.Monitor, "its monitor is taken by another client"));
            _holder = holder;
        }
    }

    internal void LetGo(FakeVm holder)
    {
        lock (_gate)
            if (_holder == holder) _holder = null;
    }

    internal void Record(VmMark mark)
    {
        lock (Marks) Marks.Add(mark);
    }

    internal void SaveLease(LeaseRecord lease) => Lease = lease;

    internal void Assign(SandboxId sandbox) => Sandbox = sandbox;

    internal void Plug(int cpus, int mebibytes)
    {
        lock (_gate) Size = new VmSize(Size.Cpus + cpus, Size.MemoryMiB + mebibytes);
    }

    internal void Remove()
    {
        Die("exited with status 0");
        OnDisk = false;
        (Lease, Sandbox) = (null, null);
    }
}
