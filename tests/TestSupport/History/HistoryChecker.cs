using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.TestSupport.History;

/// <summary>
/// What must be true of every history, whatever was killed when: a VM has one holder ever, no lease is lost, a pool has no
/// more VMs than its target and its callers call for, and at the end every VM is known or gone.
/// </summary>
public sealed class HistoryChecker
{
    private readonly HashSet<VmId> _made = [];
    private readonly HashSet<VmId> _spoilt = [];
    private readonly HashSet<VmId> _destroyed = [];
    private readonly Dictionary<VmId, Holding> _holdings = [];
    private readonly List<string> _faults = [];
    private int _waiting;
    private int _surge;

    private HistoryChecker()
    {
    }

    /// <returns>What is wrong, each with the place of the event that shows it; empty when nothing is.</returns>
    public static IReadOnlyList<string> Faults(IReadOnlyList<HistoryEvent> history)
    {
        var checker = new HistoryChecker();
        for (var at = 0; at < history.Count; at++)
        {
            var before = checker._faults.Count;
            checker.Take(history[at]);
            for (var i = before; i < checker._faults.Count; i++) checker._faults[i] = $"event {at}: {checker._faults[i]}";
        }

        return checker._faults;
    }

    private void Take(HistoryEvent happened)
    {
        switch (happened)
        {
            case HistoryEvent.Made made:
                if (!_made.Add(made.Vm)) Fault($"VM {made.Vm} is made a second time");
                break;
            case HistoryEvent.Asked:
                _waiting++;
                _surge++;
                break;
            case HistoryEvent.Settled:
                _waiting--;
                break;
            case HistoryEvent.Granted granted:
                OnGranted(granted);
                break;
            case HistoryEvent.Confirmed confirmed:
                With(confirmed.Vm, h => h.Confirmed = true);
                break;
            case HistoryEvent.RenewalAsked asked:
                With(asked.Vm, h => h.Expires = asked.Expires < h.Expires ? asked.Expires : h.Expires);
                break;
            case HistoryEvent.Renewed renewed:
                With(renewed.Vm, h => (h.Confirmed, h.Expires) = (true, renewed.Expires));
                break;
            case HistoryEvent.Released released:
                With(released.Vm, h => h.Over = true);
                break;
            case HistoryEvent.Died died:
                _destroyed.Add(died.Vm);
                With(died.Vm, h => h.Over = true);
                break;
            case HistoryEvent.Spoilt spoilt:
                _spoilt.Add(spoilt.Vm);
                break;
            case HistoryEvent.Destroyed destroyed:
                _destroyed.Add(destroyed.Vm);
                if (_holdings.TryGetValue(destroyed.Vm, out var ended) && ended.LivesAt(destroyed.At))
                    Fault($"VM {destroyed.Vm} is ended at {destroyed.At} although {ended.Holder} holds it: {ended}");
                break;
            case HistoryEvent.Looked looked:
                OnLooked(looked);
                break;
            case HistoryEvent.Counted count:
                if (count.Warm + count.Making > count.Target + _surge)
                    Fault($"{count.Warm} VMs are warm and {count.Making} being made, for a target of {count.Target} and {_surge} callers since the last rest");
                break;
            case HistoryEvent.AtRest:
                _surge = _waiting;
                break;
            case HistoryEvent.Ended end:
                foreach (var vm in end.Living.Except(end.Known)) Fault($"VM {vm} is left, and is nobody's");
                foreach (var vm in end.Known.Except(end.Living)) Fault($"VM {vm} is known, and is gone");
                break;
        }
    }

    private void OnGranted(HistoryEvent.Granted granted)
    {
        var vm = granted.Vm;
        if (!_made.Contains(vm)) Fault($"VM {vm} is handed out and was never made");
        if (_destroyed.Contains(vm)) Fault($"VM {vm} is handed out although it was ended");
        if (_spoilt.Contains(vm)) Fault($"VM {vm} is handed out although somebody had run it");
        if (_holdings.TryGetValue(vm, out var known))
        {
            if (known.Holder != granted.Holder) Fault($"VM {vm} is handed to {granted.Holder} and was {known.Holder}'s");
            else if (known.Token != granted.Token) Fault($"{granted.Holder} gets another token for VM {vm}");
            return;
        }

        foreach (var (other, holding) in _holdings.Where(h => h.Value.Holder == granted.Holder && h.Value.LivesAt(granted.At)))
            Fault($"{granted.Holder} is handed VM {vm} and holds VM {other}: {holding}");
        _holdings.Add(vm, new Holding(granted));
    }

    private void OnLooked(HistoryEvent.Looked looked)
    {
        foreach (var (vm, holding) in _holdings.Where(h => h.Value.LivesAt(looked.At)))
        {
            if (!looked.Held.TryGetValue(vm, out var token)) Fault($"VM {vm} is lost: {holding.Holder} holds it, {holding}");
            else if (token != holding.Token) Fault($"VM {vm} has another token than {holding.Holder} was given");
        }
    }

    private void With(VmId vm, Action<Holding> change)
    {
        if (_holdings.TryGetValue(vm, out var holding)) change(holding);
    }

    private void Fault(string what) => _faults.Add(what);

    private sealed class Holding(HistoryEvent.Granted granted)
    {
        public string Holder => granted.Holder;

        public LeaseToken? Token => granted.Token;

        public TimeSpan? Expires { get; set; } = granted.Expires;

        public bool Confirmed { get; set; }

        /// <summary>Released, or its VM died.</summary>
        public bool Over { get; set; }

        public bool LivesAt(TimeSpan at) => !Over && (Confirmed || at < granted.ConfirmBefore) && (Expires is null || at < Expires);

        public override string ToString() => $"{(Confirmed ? "confirmed" : $"to be confirmed before {granted.ConfirmBefore}")}, {(Expires is { } end ? $"until {end}" : "for ever")}";
    }
}
