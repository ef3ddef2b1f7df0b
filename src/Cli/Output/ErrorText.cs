namespace VmCacheCluster.Cli.Output;

internal static class ErrorText
{
    internal static void Write(TextWriter error, CliException fault, bool json, Style style) =>
        error.WriteLine(json ? Json.Text(View(fault), Json.Views.ErrorView) : $"{style.Bad("error:")} {Table.OneLine(fault.Message)}");

    private static ErrorView View(CliException fault) => new(new ErrorBody(
        fault.Code, fault.Reason, fault.Message,
        fault.Metadata.Count > 0 ? fault.Metadata : null,
        fault.RetryAfter?.TotalSeconds));
}
