using VmCacheCluster.Tests.FakeQemu;

try
{
    if (args is ["--kata-proxy", ..]) return await KataProxy.RunAsync(args);
    var line = CommandLine.Parse(args);
    if (line.ShowVersion)
    {
        Console.WriteLine("QEMU emulator version 7.2.22 (FakeQemu)");
        return 0;
    }
    var directives = Directives.Parse(line.Kernel is { } kernel ? ReadKernel(kernel) : []);
    if (directives.ExitAtStart is { } end)
    {
        Console.Error.WriteLine(end.Message);
        return end.Status;
    }
    return await FakeProcess.RunAsync(line, directives);
}
catch (UsageException e)
{
    Console.Error.WriteLine($"qemu-system-x86_64: {e.Message}");
    return 1;
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

static string[] ReadKernel(string path)
{
    try
    {
        return File.ReadAllLines(path);
    }
    catch (Exception e) when (e is IOException or UnauthorizedAccessException)
    {
        var reason = e is FileNotFoundException or DirectoryNotFoundException ? "No such file or directory" : e.Message;
        throw new UsageException($"could not open kernel file '{path}': {reason}");
    }
}
