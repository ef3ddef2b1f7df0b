using VmCacheCluster.Benchmarks.Compare;

// compare DIRECTORY NAME...: prints what benchmarks/run.sh has collected, DIRECTORY/NAME.{now,before}.ROUND.
if (args.Length < 2)
{
    Console.Error.WriteLine("usage: compare DIRECTORY NAME...; benchmarks/run.sh calls it");
    return 64;
}

List<string> Outputs(string name, string side) => [.. Directory.GetFiles(args[0], $"{name}.{side}.*").Order(StringComparer.Ordinal).Select(File.ReadAllText)];
var runs = args[1..].Select(name => (Name: name, Now: Outputs(name, "now"), Before: Outputs(name, "before"))).ToList();
var compares = runs.Exists(r => r.Before.Count > 0);
var rows = string.Concat(runs.Select(r => Table.Of(r.Name, r.Now, r.Before)));
Console.Write($"{Table.Head(compares)}{rows}{(compares ? Table.Foot(rows) : "")}");
return 0;
