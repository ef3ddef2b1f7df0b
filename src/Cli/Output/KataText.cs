using System.Text;
using VmCacheCluster.Cli.Kata;
using VmCacheCluster.Kata.Configuration;

namespace VmCacheCluster.Cli.Output;

/// <summary>What <c>kata check</c> prints.</summary>
internal static class KataText
{
    internal static string Of(KataConfiguration configuration, IReadOnlyList<KataClient> clients, KataMaking making, IReadOnlyList<KataField> fields)
    {
        var text = new StringBuilder();
        foreach (var client in clients)
        {
            var (generation, known) = (client.Generation, $"({client.Generation.Known}: {client.Generation.Of})");
            text.Append($"Kata {generation.Version}: ").Append(
                client.Refusals.Count > 0 ? $"refuses the file {known}, because of\n"
                : client.Takes ? $"takes the VM {known}\n" : $"boots a VM of its own {known}, because of\n");
            if (client.Takes && generation.Limit.Length > 0) text.Append($"  {generation.Limit}\n");
            foreach (var refusal in client.Refusals) text.Append($"  {Table.OneLine((refusal with { Version = "" }).ToString())}\n");
            foreach (var difference in client.Differences)
                text.Append($"  {difference.Field}: {Served(difference.Served)} is served, {Table.OneLine(difference.Wanted)} is wanted\n");
        }

        text.Append(
            !making.Made ? $"no VM can be made of it: {Table.OneLine(making.Why)}\n"
            : making.Cloned ? "VMs can be cloned from a template (enable_template = true, or refill = auto)\n"
            : $"VMs are booted each, for they cannot be cloned: {Table.OneLine(making.Why)}\n");
        foreach (var warning in configuration.Warnings) text.Append($"warning: {Table.OneLine(warning)}\n");
        var table = new Table("FIELD", "VALUE", "COMPARED");
        foreach (var field in fields) table.Add(field.Name, field.Value, field.Compared ? "yes" : "no");
        return text.Append('\n').Append(table).ToString();
    }

    /// <param name="agree">Clients take a server's VMs, and it has some.</param>
    internal static KataCheckView View(
        string file, KataConfiguration configuration, IReadOnlyList<KataClient> clients, KataMaking making, IReadOnlyList<KataField> fields,
        bool agree) => new(
        agree, file, null, configuration.Warnings,
        [.. clients.Select(View)],
        [.. fields.Select(f => new KataFieldView(f.Name, f.Value, f.Compared))], new KataMakingView(making.Made, making.Cloned, making.Why));

    internal static string Of(IReadOnlyList<KataForecast> forecasts, Style style) => string.Join('\n', forecasts.Select(forecast =>
        $"Kata {forecast.Client.Version} ({forecast.Client.Known}: {forecast.Client.Of})\n{DoctorText.Of(forecast.Steps, style)}"));

    internal static KataDoctorView View(string file, IReadOnlyList<KataForecast> forecasts) => new(
        KataForecast.Works(forecasts), file,
        [.. forecasts.Select(f => new KataForecastView(f.Client.Version, f.Client.Known, f.Client.Of, [.. f.Steps.Select(DoctorText.View)]))]);

    internal static KataCheckView View(string file, IReadOnlyList<KataFault> faults) => new(
        false, file, Faults(faults), null, null, null, null);

    private static KataFaultView[] Faults(IReadOnlyList<KataFault> faults) =>
        [.. faults.Select(f => new KataFaultView(f.File, f.Key, f.Value, f.Text, f.Remedy, f.Version, f.Line > 0 ? f.Line : null))];

    private static KataClientView View(KataClient client) => new(
        client.Generation.Version, client.Takes, client.Generation.Known, client.Generation.Of,
        client.Takes && client.Generation.Limit.Length > 0 ? client.Generation.Limit : null,
        [.. client.Differences.Select(d => new KataDifferenceView(d.Field, d.Served, d.Wanted))],
        client.Refusals.Count == 0 ? null : Faults(client.Refusals));

    private static string Served(string json) => json.Length == 0 ? "nothing" : Table.OneLine(json);
}
