using VmCacheCluster.Benchmarks.Compare;

// compare DIRECTORY NAME...: prints what benchmarks/run.sh has collected, DIRECTORY/NAME.{now,before}.ROUND.
if (args.Length < 2)
{
    Console.Error.WriteLine("usage: compare DIRECTORY NAME...; benchmarks/run.sh calls it");
    return 64;
}

List<string> Outputs(string name, string side) => [.. Directory.GetFiles(args[0], $"{name}.{side}.*").Order(StringComparer.Ordinal).Select(File.ReadAllText)];
var names = args[1..];
var compares = names.Any(n => Outputs(n, "before").Count > 0);
var rows = string.Concat(names.Select(name => Table.Of(name, Outputs(name, "now"), Outputs(name, "before"))));
Console.Write($"{Table.Head(compares)}{rows}{(compares ? Table.Foot(rows) : "")}");
return 0;
