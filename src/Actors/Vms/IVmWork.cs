using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Vms;

/// <summary>What a VM's actor does for its parts. An operation of the VM's life is superseded by the next one: what it brings
/// then is ignored. What goes on beside its life is not.</summary>
internal interface IVmWork
{
    IActorRef Self { get; }

    /// <summary>Whose VM it is.</summary>
    IActorRef Pool { get; }

    Holdings Holdings { get; }

    /// <summary>Decides what an input means, and does it.</summary>
    void Apply(VmInput input);

    /// <summary>The pool hears how the VM is.</summary>
    void Report();

    /// <summary>Starts an operation of the VM's life; its end is an input.</summary>
    void Start(Task operation, VmInput done);

    /// <summary>Numbers an operation of the VM's life whose result is a message of its own.</summary>
    int NewOperation();

    bool IsCurrent(int operation);

    /// <summary>That of an operation of the VM's life, within so long.</summary>
    CancellationToken NewCancellation(TimeSpan limit);

    /// <summary>For what goes on beside the VM's life, whose end ends it too.</summary>
    CancellationToken Within(TimeSpan limit);

    /// <summary>Ends with the actor.</summary>
    CancellationToken Whole { get; }

    /// <summary>Asks the VM whether it is fit, when its last answer is not enough for a hand-out. False: it is.</summary>
    bool Prove(HandOutPath path);

    /// <summary>Its lease expires when it says, as it is now.</summary>
    void StartLease();
}

/// <summary>An operation of a VM's life has ended.</summary>
internal sealed record OperationDone(int Operation, VmInput Input);
