using System.Text;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Gateway.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

public class HoconTextSpecs
{
    private static readonly Dictionary<string, string> Environment = new() { ["HOME"] = "/home/me", ["EMPTY"] = "" };

    [Theory]
    [InlineData("a = 1, b : 2\nc = \"x y\"", "{a=1 b=2 c=x y}")]
    [InlineData("a { b = 1 }, c { d = 2 },\n e { }", "{a={b=1} c={d=2} e={}}")]
    [InlineData("a { b = 1 } c { d = 2 }", "{a={b=1} c={d=2}}")]
    [InlineData("{ a = { b = 1 }, c = { d = 2, }, }", "{a={b=1} c={d=2}}")]
    [InlineData("\uFEFF# first\na.b.c = 1 // one\na.b { d = 2 }", "{a={b={c=1 d=2}}}")]
    [InlineData("a.\"b.c\".d = 1\n\"x\"y.z = 2", "{a={b.c={d=1}} xy={z=2}}")]
    [InlineData("a = 1\na = 2\nb { c = 1 }\nb = 3\nd = 4\nd.e = 5", "{a=2 b=3 d={e=5}}")]
    [InlineData("a = x y  z # words\nb = \"q\" r\"s\"", "{a=x y  z b=q rs}")]
    [InlineData("a =\n  1\nb =\n{ c = 2\n}\n", "{a=1 b={c=2}}")]
    [InlineData("a = null, b = \"null\", c = , d = [1, {x = [2]}\n3,]", "{a=null b=\"null\" c=missing d=list}")]
    [InlineData("a = \"\\\"\\\\\\/\\t\\u00e9\", b = \"\"\"c\n\"d\"\"\"\"", "{a=\"\\/\té b=c\n\"d\"}")]
    [InlineData("a = { x = 1 } { y = 2 }", "{a={x=1 y=2}}")]
    [InlineData("a = -1.5, b = 50%, c = /x/y-z_1.sock, d = +x", "{a=-1.5 b=50% c=/x/y-z_1.sock d=+x}")]
    [InlineData("include = 1, includes { }", "{include=1 includes={}}")]
    [InlineData("a\n{ b = 1 }\nc.d # words\n\n: 2", "{a={b=1} c={d=2}}")]
    [InlineData(" \n # nothing", "{}")]
    public void Reads_what_hocon_allows(string text, string expected) => Assert.Equal(expected, Shown(HoconText.Parse(text)));

    [Theory]
    [InlineData("a = ${HOME}/x, b = ${?NOPE}, c = ${?EMPTY} y", "{a=/home/me/x c=y}")]
    [InlineData("b = ${a}\"-x\"\na = 1", "{b=1-x a=1}")]
    [InlineData("p { a { m = 1, n = 2 }, b = ${p.a} { n = 3 } }", "{p={a={m=1 n=2} b={m=1 n=3}}}")]
    [InlineData("a = 1\na = ${?NOPE}", "{a=1}")]
    [InlineData("a = { x = 1 }\na = ${o}\na { z = 3 }\na.y = 4\no { y = 2 }", "{a={x=1 y=4 z=3} o={y=2}}")]
    [InlineData("a = ${b.c}, b = ${d}, d { c = 7 }", "{a=7 b={c=7} d={c=7}}")]
    [InlineData("a { b { c = 1 } }\na.b { c = 2\nc = ${?NOPE} }", "{a={b={c=2}}}")]
    [InlineData("a { b = 1 }\na { b = ${?NOPE}\nb = ${?NOPE} }", "{a={b=1}}")]
    [InlineData("a { b { x = 1 } }\na { b { y = 2 }\nb = ${?NOPE} }", "{a={b={x=1 y=2}}}")]
    [InlineData("a = { x = 1 }\na = ${o}\na.y = ${o.y}3\na = ${a} { z = 5 }\no { y = 2 }", "{a={x=1 y=23 z=5} o={y=2}}")]
    public void Follows_references_to_keys_and_variables(string text, string expected) => Assert.Equal(expected, Shown(HoconText.Parse(text, Environment)));

    /// <summary>A reference to the key that it stands in means what that key was before.</summary>
    [Theory]
    [InlineData("a = 1\na = ${a} 2", "{a=1 2}")]
    [InlineData("a = 1\na = ${a}2\na = ${a}3\nb = ${a}", "{a=123 b=123}")]
    [InlineData("a = 1\nb = ${a}\na = ${a}2", "{a=12 b=12}")]
    [InlineData("a = ${?a}foo", "{a=foo}")]
    [InlineData("a = ${?a}", "{}")]
    [InlineData("HOME = ${HOME}/x", "{HOME=/home/me/x}")]
    [InlineData("path = [ \"x\" ]\npath = ${path} [ \"y\" ]", "{path=list}")]
    [InlineData("path = ${?path} [ \"x\" ]\nother = [1] [2]", "{path=list other=list}")]
    [InlineData("a = { x = 1, y = 1 }\na = ${a} { y = 2 }", "{a={x=1 y=2}}")]
    [InlineData("p { a { m = 1 } }\np.a = ${p.a} { n = 2 }", "{p={a={m=1 n=2}}}")]
    [InlineData("a { b = 1 }\na { b = ${a.b}2 }", "{a={b=12}}")]
    [InlineData("a { b = 1 }\na = ${a} { b = ${a.b}2 }", "{a={b=12}}")]
    [InlineData("a { b = 1 }\na { b = ${a.b} 2 }\na = ${?NOPE}", "{a={b=1 2}}")]
    [InlineData("o { b = 5 }\na = ${o}\na.b = ${?a.b}2", "{o={b=5} a={b=52}}")]
    [InlineData("a { b = 1 }\na = ${a.b}", "{a=1}")]
    [InlineData("a { b = 1 }\na = ${a} { c { old = ${a} } }", "{a={b=1 c={old={b=1}}}}")]
    [InlineData("foo { a { c = 1 } }\nfoo = ${foo.a}\nfoo { a = 2 }", "{foo={a=2 c=1}}")]
    [InlineData("a = 1\na = ${a}${a}\na = ${a}${a}", "{a=1111}")]
    [InlineData("a += 3", "{a=list}")]
    [InlineData("a = [1]\na += 3, a+={ x = 1 }\np { b += ${a} }", "{a=list p={b=list}}")]
    [InlineData("\"a+\" = 3", "{a+=3}")]
    public void Looks_back_where_a_key_refers_to_itself(string text, string expected)
        => Assert.Equal(expected, Shown(HoconText.Parse(text, Environment)));

    [Theory]
    [InlineData("x = [$]", 1, 6, "'$' cannot stand outside of quotes")]
    [InlineData("x = [=a, b]", 1, 6, "must be quoted")]
    [InlineData("x = [?]", 1, 6, "'?' cannot stand outside of quotes")]
    [InlineData("x = [}", 1, 6, "the '}'")]
    [InlineData("x = [a,, b]", 1, 8, "nothing between two commas")]
    [InlineData("x = [,]", 1, 6, "nothing before this comma")]
    [InlineData("x = [a", 1, 5, "never closed")]
    [InlineData("a {\n  b = 1\n", 1, 3, "the '{'")]
    [InlineData("a = 1\n}", 2, 1, "closes nothing")]
    [InlineData("a = 1 ]", 1, 7, "closes nothing")]
    [InlineData("a = 1,, b = 2", 1, 7, "nothing between two commas")]
    [InlineData(", a = 1", 1, 1, "nothing before this comma")]
    [InlineData("a\n  b = 1", 1, 2, "'=', ':' or '{' is missing behind the key a")]
    [InlineData("a 1", 1, 3, "'=', ':' or '{' is missing behind the key a")]
    [InlineData("a = b = c", 1, 7, "must be quoted")]
    [InlineData("a = x:y", 1, 6, "must be quoted")]
    [InlineData("= 1", 1, 1, "a key is expected here")]
    [InlineData("[1, 2]", 1, 1, "a list cannot stand here")]
    [InlineData("a..b = 1", 1, 1, "a part of the key is empty")]
    [InlineData("a = 1\na += 1", 2, 3, "can be one value")]
    [InlineData("a +=", 1, 5, "something is missing at the end")]
    [InlineData("a + = 1", 1, 3, "'=', ':' or '{' is missing behind the key a")]
    [InlineData("a+ = 1", 1, 1, "a key ends with '+' only in quotes")]
    [InlineData("a +: 1", 1, 3, "'=', ':' or '{' is missing behind the key a")]
    [InlineData("a = [1] 2", 1, 5, "cannot be one value")]
    [InlineData("a = \"x\ny\"", 1, 5, "has no end")]
    [InlineData("a = \"\"\"x\ny\"\"", 1, 5, "has no end")]
    [InlineData("a = \"\\q\"", 1, 6, "there is no such escape")]
    [InlineData("a = \"\\ud800\"", 1, 5, "no valid Unicode")]
    [InlineData("a = { } x = 1\nb = { } [1]", 2, 5, "cannot be one value")]
    [InlineData("a = ${b", 1, 5, "has no end")]
    [InlineData("a = ${b c}", 1, 5, "stands one key")]
    [InlineData("a = ${}", 1, 5, "stands one key")]
    [InlineData("a = ${nope}", 1, 5, "neither a key nor a variable nope")]
    [InlineData("a = ${b}\nb = ${a}", 2, 5, "leads back to itself")]
    [InlineData("a = ${a}x", 1, 5, "leads back to itself, and the key has no value before it")]
    [InlineData("a = 1\nb = ${a}\na = ${b}", 2, 5, "leads back to itself")]
    [InlineData("a { b = 1 }\na = ${a} { b = 2, c = ${a.b} }", 2, 23, "leads back to itself")]
    [InlineData("a = 1\na = ${a} { }", 2, 5, "can be one value")]
    [InlineData("a { b = ${a} }", 1, 9, "leads back to itself")]
    [InlineData("a = ${b} ${c}, b { }, c = 1", 1, 5, "can be one value")]
    [InlineData("  include \"x\"", 1, 3, "include is not supported")]
    [InlineData("include file(\"/etc/passwd\")", 1, 1, "include is not supported")]
    public void Names_line_and_column_of_what_is_wrong(string text, int line, int column, string reason)
    {
        var fault = Assert.Throws<FormatException>(() => HoconText.Parse(text, Environment)).Message;

        Assert.Contains($"line {line}, column {column}", fault, StringComparison.Ordinal);
        Assert.Contains(reason, fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\n  a = ${HOME}", "line 2, column 7: ${...} is not supported here")]
    [InlineData("a = 1\na = ${a}2", "line 2, column 5: ${...} is not supported here")]
    [InlineData("a = 1\na += 2", "line 2, column 3: += is not supported here")]
    public void Follows_no_reference_in_what_is_applied(string text, string reason)
        => Assert.Contains(reason, Assert.Throws<FormatException>(() => HoconText.Parse(text)).Message, StringComparison.Ordinal);

    /// <summary>Each of them ended or filled the daemon while the library of the actors read it.</summary>
    [Theory]
    [InlineData("a", ".a", "more than 24 levels")]
    [InlineData("a = ", "[", "more than 24 levels")]
    [InlineData("", "a = {", "more than 24 levels")]
    [InlineData("", "a = ${b}\n", "more than 64 references")]
    [InlineData("", "a = 1\n", "more than 100000 words and signs")]
    [InlineData("", "                    ", "more than 1048576 characters")]
    public void Refuses_what_is_too_deep_or_too_much(string begin, string again, string reason)
        => Assert.Contains(
            reason, Assert.Throws<FormatException>(() => HoconText.Parse(begin + string.Concat(Enumerable.Repeat(again, 60_000)), Environment)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(" ")]
    [InlineData(",")]
    public void Refuses_references_that_grow_tenfold(string between)
    {
        var text = new StringBuilder($"a0 = {(between == " " ? "0123456789" : "{ k = 0123456789 }")}\n");
        for (var i = 1; i < 7; i++)
            text.Append($"a{i} = {(between == " " ? string.Concat(Enumerable.Repeat($"${{a{i - 1}}}", 10)) : $"{{ {string.Join(',', Enumerable.Range(0, 10).Select(k => $"k{k} = ${{a{i - 1}}}"))} }}")}\n");

        Assert.Contains("more than 1048576 characters", Assert.Throws<FormatException>(() => HoconText.Parse(text.ToString(), Environment)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a = 0123456789", "a = ${a}${a}")]
    [InlineData("a { k = 0123456789 }", "a = ${a} { x = ${a}, y = ${a} }")]
    public void Refuses_a_key_that_doubles_itself(string begin, string again)
    {
        var text = begin + string.Concat(Enumerable.Repeat("\n" + again, 20));

        var fault = Assert.Throws<FormatException>(() => HoconText.Parse(text, Environment)).Message;

        Assert.Matches("^line [0-9]+, column 5: ", fault);
    }

    [Fact]
    public void Refuses_a_key_that_doubles_itself_forty_times()
    {
        var text = "a = 1" + string.Concat(Enumerable.Repeat("\na = ${a}${a}", 40));

        var fault = Assert.Throws<FormatException>(() => HoconText.Parse(text, Environment)).Message;

        Assert.Matches("^line 3[0-9], column 5: there are more than 64 references", fault);
    }

    [Fact]
    public void Looks_back_as_often_as_there_may_be_references_on_a_small_stack()
    {
        var key = "k" + string.Concat(Enumerable.Repeat(".d", 22));
        var text = $"{key} = 1\n" + string.Concat(Enumerable.Repeat($"{key} = ${{{key}}}1\n{key.Split('.')[0]}.d.x = 1\n", 64));
        ConfigNode? read = null;
        var thread = new Thread(() => read = HoconText.Parse(text, Environment), 1 << 20);
        thread.Start();
        thread.Join();

        Assert.Equal(new string('1', 65), read![key]!.Text);
    }

    /// <summary>A chain of references, each through an object as deep as one may be, is the deepest that the reader goes.</summary>
    [Fact]
    public void Follows_the_longest_chain_of_references_on_a_small_stack()
    {
        var text = new StringBuilder();
        for (var i = 0; i < 64; i++) text.Append($"k{i}{string.Concat(Enumerable.Repeat(".d", 23))} = ${{k{i + 1}}}\n");
        text.Append("k64 = end");
        ConfigNode? read = null;
        var thread = new Thread(() => read = HoconText.Parse(text.ToString(), Environment), 1 << 20);
        thread.Start();
        thread.Join();

        Assert.Equal("end", read!["k63" + string.Concat(Enumerable.Repeat(".d", 23))]!.Text);
    }

    /// <summary>All texts of up to five of these signs, and many longer ones: each is read, or refused with its place.</summary>
    [Fact]
    public void Answers_whatever_stands_there()
    {
        string[] signs = ["a", ".", "=", ":", ",", "{", "}", "[", "]", "\"", "\\", "$", "${", "?", "+", " ", "\n", "#", "include ", "\"\"\"", "null", "${a}"];
        var random = new Random(16);
        for (var i = 0; i < 300_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => signs[random.Next(signs.Length)]));
            try
            {
                _ = HoconText.Parse(text, Environment).Size;
            }
            catch (FormatException e)
            {
                Assert.True(e.Message.Contains("line ", StringComparison.Ordinal) && e.Message.Contains("column ", StringComparison.Ordinal), $"{text}: {e.Message}");
            }
        }
    }

    [Theory]
    [InlineData("hocon/reference.conf")]
    [InlineData("hocon/example.conf")]
    [InlineData("packaging/hosts/vmcache.conf")]
    [InlineData("packaging/kubernetes/vmcache.conf")]
    public void Reads_our_own_files_as_the_library_of_the_actors_does(string file)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, file));

        Assert.Equal(Shown(Akka.Configuration.ConfigurationFactory.ParseString(text).Root), Shown(HoconText.Parse(text, Environment)));
    }

    private static string Shown(ConfigNode node) => node.Text is { } text ? text == "null" ? "\"null\"" : text
        : node.Children is { } children ? $"{{{string.Join(' ', children.Select(c => $"{c.Key}={Shown(c.Value)}"))}}}"
        : node.IsNull ? "null" : node.IsMissing ? "missing" : "list";

    private static string Shown(Akka.Configuration.Hocon.HoconValue value)
        => value.IsObject() ? $"{{{string.Join(' ', value.GetObject().Items.Select(c => $"{c.Key}={Shown(c.Value)}"))}}}" : value.IsArray() ? "list" : value.GetString();
}
