using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using VmCacheCluster.Gateway;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

public class LogFormatSpecs
{
    [Fact]
    public void Is_one_line_an_entry_that_no_terminal_obeys()
    {
        using var written = new StringWriter();
        var thrown = new IOException("gone\e[2J\n  away");

        new LogFormat().Write(new LogEntry<string>(LogLevel.Warning, "vmcached", 7, "a\nb\r\u202e\e]0;x\a", thrown, (state, _) => state), null, written);

        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn: vmcached\[7\] a b \\u202e\\u001b\]0;x\\u0007 System\.IO\.IOException: gone\\u001b\[2J away\n$", written.ToString());
    }
}
