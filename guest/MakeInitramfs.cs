// Writes the guest's initramfs: an uncompressed newc archive, the same bytes for the same input.
// It needs no privilege: device nodes are only records in the archive.
//
//   dotnet run guest/MakeInitramfs.cs -- OUTPUT INIT BUSYBOX APPLETS ETC-DIR MODULES-DIR MODULE...
//
// APPLETS is the output of `busybox --list-full`; MODULE names are loaded in the order given, after what they depend on.
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

if (args.Length < 7)
{
    Console.Error.WriteLine("usage: MakeInitramfs OUTPUT INIT BUSYBOX APPLETS ETC-DIR MODULES-DIR MODULE...");
    return 2;
}

try
{
    var (output, init, busybox, applets, etc, modulesDirectory) = (args[0], args[1], args[2], args[3], args[4], args[5]);
    var archive = new Archive();
    foreach (var directory in (string[])["bin", "dev", "etc", "lib", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var"])
        archive.Directory(directory);
    archive.Device("dev/console", 0x180, 5, 1);
    archive.Device("dev/null", 0x1B6, 1, 3);
    archive.File("init", 0x1ED, File.ReadAllBytes(init));
    archive.File("bin/busybox", 0x1ED, File.ReadAllBytes(busybox));
    foreach (var applet in File.ReadLines(applets).Select(line => line.Trim()).Where(Applets.IsWanted).Order(StringComparer.Ordinal))
        archive.Link(applet, "/bin/busybox");
    foreach (var file in Directory.GetFiles(etc).Order(StringComparer.Ordinal))
        archive.File("etc/" + Path.GetFileName(file), 0x1A4, File.ReadAllBytes(file));

    var order = KernelModules.LoadOrder(modulesDirectory, args[6..]);
    foreach (var module in order)
        archive.File("lib/modules/" + Path.GetFileName(module), 0x1A4, File.ReadAllBytes(module));
    archive.File("lib/modules/order", 0x1A4, Encoding.UTF8.GetBytes(string.Concat(order.Select(m => Path.GetFileName(m) + "\n"))));
    archive.WriteTo(output);
    return 0;
}
catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or InvalidDataException)
{
    Console.Error.WriteLine($"MakeInitramfs: {fault.Message}");
    return 1;
}

internal static class Applets
{
    // The agent is init; a link that would start busybox's beside it helps nobody.
    public static bool IsWanted(string applet) => applet.Length > 0 && applet is not ("linuxrc" or "sbin/init" or "bin/busybox");
}

/// <summary>An archive in memory, with the directories above every entry made when first needed.</summary>
internal sealed class Archive
{
    private const int DirectoryBit = 0x4000, FileBit = 0x8000, LinkBit = 0xA000, CharacterBit = 0x2000;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly MemoryStream _content = new();

    public void Directory(string name)
    {
        if (_names.Contains(name)) return;
        Add(name, DirectoryBit | (name == "tmp" ? 0x3FF : 0x1ED), [], 0, 0);
    }

    public void File(string name, int permissions, byte[] content) => Add(name, FileBit | permissions, content, 0, 0);
    public void Link(string name, string target) => Add(name, LinkBit | 0x1FF, Encoding.UTF8.GetBytes(target), 0, 0);
    public void Device(string name, int permissions, int major, int minor) => Add(name, CharacterBit | permissions, [], major, minor);

    public void WriteTo(string path)
    {
        Record("TRAILER!!!", 0, [], 0, 0);
        System.IO.File.WriteAllBytes(path, _content.ToArray());
    }

    private void Add(string name, int mode, byte[] content, int major, int minor)
    {
        if (Path.GetDirectoryName(name) is { Length: > 0 } parent) Directory(parent);
        if (!_names.Add(name)) throw new InvalidDataException($"'{name}' would be in the archive twice.");
        Record(name, mode, content, major, minor);
    }

    private void Record(string name, int mode, byte[] content, int major, int minor)
    {
        var bytes = Encoding.UTF8.GetBytes(name + "\0");
        int[] fields = [_names.Count, mode, 0, 0, 1, 0, content.Length, 0, 0, major, minor, bytes.Length, 0];
        _content.Write(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(f => f.ToString("X8", CultureInfo.InvariantCulture)))));
        _content.Write(bytes);
        Pad();
        _content.Write(content);
        Pad();
    }

    private void Pad()
    {
        while (_content.Length % 4 != 0) _content.WriteByte(0);
    }
}

/// <summary>Kernel modules in an order in which each finds what it depends on. Debian's package has no modules.dep (it is
/// made at installation), so the dependencies come from the modules themselves.</summary>
internal static class KernelModules
{
    public static IReadOnlyList<string> LoadOrder(string root, IReadOnlyList<string> wanted)
    {
        var files = Directory.EnumerateFiles(root, "*.ko", SearchOption.AllDirectories).ToDictionary(file => Name(file), StringComparer.Ordinal);
        var builtIn = Directory.EnumerateFiles(root, "modules.builtin", SearchOption.AllDirectories)
            .SelectMany(File.ReadLines).Select(line => Name(line)).ToHashSet(StringComparer.Ordinal);
        var order = new List<string>();
        foreach (var module in wanted) Visit(Name(module));
        return order;

        void Visit(string name)
        {
            if (builtIn.Contains(name)) return;
            if (!files.TryGetValue(name, out var file))
                throw new InvalidDataException($"the kernel has no module '{name}', neither built in nor below {root}.");
            if (order.Contains(file)) return;
            foreach (var dependency in Dependencies(file)) Visit(Name(dependency));
            order.Add(file);
        }
    }

    // A module's file may be called virtio-rng.ko, while others name it virtio_rng.
    private static string Name(string file) => Path.GetFileNameWithoutExtension(file.EndsWith(".ko", StringComparison.Ordinal) ? file : file + ".ko").Replace('-', '_');

    private static string[] Dependencies(string file)
    {
        const string key = "depends=";
        var entries = Encoding.ASCII.GetString(Section(File.ReadAllBytes(file), ".modinfo", file)).Split('\0');
        var value = entries.FirstOrDefault(e => e.StartsWith(key, StringComparison.Ordinal))
            ?? throw new InvalidDataException($"{file} does not say what it depends on.");
        return value[key.Length..].Split(',', StringSplitOptions.RemoveEmptyEntries);
    }

    private static ReadOnlySpan<byte> Section(ReadOnlySpan<byte> elf, string wanted, string file)
    {
        if (elf.Length < 64 || !elf.StartsWith("\u007fELF\u0002\u0001"u8)) throw new InvalidDataException($"{file} is no 64-bit ELF file.");
        var table = (int)BinaryPrimitives.ReadInt64LittleEndian(elf[40..]);
        var size = BinaryPrimitives.ReadUInt16LittleEndian(elf[58..]);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(elf[60..]);
        var names = Content(elf, elf[(table + (size * BinaryPrimitives.ReadUInt16LittleEndian(elf[62..])))..]);
        for (var i = 0; i < count; i++)
        {
            var header = elf[(table + (size * i))..];
            var name = names[(int)BinaryPrimitives.ReadUInt32LittleEndian(header)..];
            if (Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]) == wanted) return Content(elf, header);
        }

        throw new InvalidDataException($"{file} has no section {wanted}.");
    }

    private static ReadOnlySpan<byte> Content(ReadOnlySpan<byte> elf, ReadOnlySpan<byte> header) =>
        elf.Slice((int)BinaryPrimitives.ReadInt64LittleEndian(header[24..]), (int)BinaryPrimitives.ReadInt64LittleEndian(header[32..]));
}
