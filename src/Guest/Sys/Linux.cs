namespace VmCacheCluster.Guest.Sys;

/// <summary>Linux's constants for x86-64, by their names in its headers.</summary>
internal static class Linux
{
    public const int O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_NOCTTY = 0x100, O_CREAT = 0x40, O_TRUNC = 0x200, O_NONBLOCK = 0x800;
    public const int O_DIRECTORY = 0x10000, O_NOFOLLOW = 0x20000, O_CLOEXEC = 0x80000, O_PATH = 0x200000;
    public const int F_GETFL = 3, F_SETFL = 4;
    public const int EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CLOEXEC = 0x80000;
    public const uint EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 0x10, EPOLLRDHUP = 0x2000, EPOLLET = 1u << 31;
    public const ushort AF_VSOCK = 40;
    public const int SOCK_STREAM = 1, SOCK_NONBLOCK = O_NONBLOCK, SOCK_CLOEXEC = O_CLOEXEC;
    public const uint VMADDR_CID_ANY = uint.MaxValue;
    public const nuint IOCTL_VM_SOCKETS_GET_LOCAL_CID = 0x7B9;
    public const short POLLIN = 1, POLLHUP = 0x10;
    public const int ENOENT = 2, EINTR = 4, E2BIG = 7, ENOEXEC = 8, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EEXIST = 17, ENOTDIR = 20, EINVAL = 22;
    public const int ENFILE = 23, EMFILE = 24, EPIPE = 32, ENODATA = 61, ECONNABORTED = 103, ECONNRESET = 104, ENOBUFS = 105;
    public const nint SYS_finit_module = 313;
    public const int MADV_POPULATE_WRITE = 23;
    public const nuint RNDADDENTROPY = 0x40085203, RNDRESEEDCRNG = 0x5207;
    public const int CLOCK_REALTIME = 0;
    public const int P_ALL = 0, P_PID = 1, WEXITED = 4, WNOWAIT = 0x01000000, CLD_EXITED = 1;
    public const int SIGUSR2 = 12, SIGKILL = 9, SIGPIPE = 13, SIGTERM = 15;
    public const nint SIG_IGN = 1;
    public const short POSIX_SPAWN_SETSIGDEF = 0x04, POSIX_SPAWN_SETSIGMASK = 0x08, POSIX_SPAWN_SETSID = 0x80;
    public const int RB_POWER_OFF = 0x4321FEDC, RB_DISABLE_CAD = 0;
}
