# inside.py -- what a command tries from within. Each attempt prints one line:
#     NAME <tab> RAN <tab> the error's name, or "got" and what it got
# Arguments: a JSON object with what the host has put up (see escapes.t). Names given after it choose
# attempts; without, all are made.
import array, ctypes, errno, fcntl, json, mmap, os, resource, signal, socket, struct, sys, time

given = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
attempts = {}


def attempt(function):
    attempts[function.__name__] = function
    return function


def call(number, *args):
    ctypes.set_errno(0)
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    result = libc.syscall(ctypes.c_long(number), *wide)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def text(path):
    with open(path, "rb") as file:
        return file.read(200)


def put(path, what="x"):
    with open(path, "r+" if os.path.exists(path) else "w") as file:
        file.write(what)


# -- paths
@attempt
def file_outside(): return text(given["outside"])
@attempt
def dots_up(): return text("../" * 30 + given["outside"].lstrip("/"))
@attempt
def link_out(): return text("out-link")
@attempt
def folder_link_out(): return os.listdir("out-folder")
@attempt
def cwd_of_init(): return os.listdir("/proc/1/cwd")
@attempt
def root_of_init(): return os.listdir("/proc/1/root")
@attempt
def root_of_host_process(): return os.listdir("/proc/%d/root" % given["pid"])
@attempt
def home_of_the_user(): return os.listdir(given["home"])
@attempt
def state_of_perigee(): return os.listdir(given["state"])
@attempt
def shadow(): return text("/etc/shadow")
@attempt
def sys_tree(): return os.listdir("/sys")
@attempt
def disk_device():
    os.mknod("/tmp/disk", 0o60666, os.makedev(254, 0))
    return text("/tmp/disk")
@attempt
def by_handle():
    handle = ctypes.create_string_buffer(struct.pack("Iii", 8, 1, 2) + b"\0" * 128)
    return call(304, os.open(".", os.O_RDONLY), handle, 0)
@attempt
def write_to_root(): return put("/made")
@attempt
def write_to_usr(): return put("/usr/bin/made")
@attempt
def write_to_passwd(): return put("/etc/passwd")
@attempt
def hardlink_from_usr(): return os.link("/usr/bin/env", "env-linked")
@attempt
def chmod_dev_null(): return os.chmod("/dev/null", 0o666)
@attempt
def chmod_stdin(): return os.fchmod(0, 0o666)
@attempt
def touch_stdin(): return os.utime(0)
@attempt
def chmod_stdin_by_proc(): return os.chmod("/proc/self/fd/0", 0o666)

# -- secrets of the workspace
@attempt
def secret(): return text(".env")
@attempt
def secret_by_link(): return text("env-link")
@attempt
def secret_by_hardlink():
    os.link(".env", "stolen")
    return text("stolen")
@attempt
def secret_renamed():
    os.rename(".env", "stolen")
    return text("stolen")
@attempt
def secret_exchanged():
    put("plain")
    return call(316, -100, b".env", -100, b"plain", 2)
@attempt
def secret_s_folder_renamed():
    os.rename("conf", "conf2")
    return text("conf2/.env.local")
@attempt
def secret_by_path_descriptor():
    fd = os.open(".env", os.O_PATH)
    return text("/proc/self/fd/%d" % fd)
@attempt
def secret_by_openat2():
    return call(437, -100, b".env", ctypes.create_string_buffer(24), 24)
@attempt
def secret_executed(): os.execv("./.env", [".env"])
@attempt
def secret_uncovered(): return call(166, b".env", 2)
@attempt
def secret_removed(): return os.unlink(".env")
@attempt
def secret_by_git():
    if os.system("git add -f .env 2>/dev/null") == 0: return "added"
    raise OSError(errno.EACCES, "")
@attempt
def secret_by_its_file_system():
    return [n for n in os.listdir("/.masked-folder")]

# -- mounts and namespaces
@attempt
def bind_mount(): return call(165, b"/usr", b"/tmp", None, 4096, None)
@attempt
def remount(): return call(165, b"none", b"/usr", None, 32 | 4096, None)
@attempt
def new_tree(): return call(428, -100, b"/usr", 1)
@attempt
def moved_tree(): return call(429, -100, b"/tmp", -100, b"/usr", 0)
@attempt
def attributes_of_mounts(): return call(442, -100, b"/usr", 0, ctypes.create_string_buffer(32), 32)
@attempt
def new_file_system(): return call(430, b"tmpfs", 0)
@attempt
def pivot(): return call(155, b".", b".")
@attempt
def change_root(): return os.chroot("/tmp")
@attempt
def new_user_namespace(): return call(272, 0x10000000)
@attempt
def cloned_user_namespace(): return call(56, 0x10000011, 0, 0, 0, 0)
@attempt
def cloned_with_high_bits(): return call(56, 0x7fffffff00000000 | 0x20000011, 0, 0, 0, 0)
@attempt
def clone3(): return call(435, ctypes.create_string_buffer(88), 88)
@attempt
def enters_namespace(): return call(308, os.open("/proc/self/ns/user", os.O_RDONLY), 0)
@attempt
def parent_of_namespace():
    return fcntl.ioctl(os.open("/proc/self/ns/user", os.O_RDONLY), 0xb702)
@attempt
def namespace_of_init(): return os.open("/proc/1/ns/mnt", os.O_RDONLY)
@attempt
def own_uid_map(): return put("/proc/self/uid_map", "0 0 1")

# -- /proc
@attempt
def core_pattern(): return put("/proc/sys/kernel/core_pattern", "|/tmp/x")
@attempt
def sysrq(): return put("/proc/sysrq-trigger", "h")
@attempt
def kernel_memory(): return text("/proc/kcore")
@attempt
def kernel_keys(): return text("/proc/keys")
@attempt
def kernel_symbols(): return text("/proc/kallsyms")
@attempt
def memory_of_init(): return text("/proc/1/mem")
@attempt
def environment_of_init(): return text("/proc/1/environ")
@attempt
def descriptors_of_init(): return os.readlink("/proc/1/fd/4")
@attempt
def program_of_init(): return os.open("/proc/1/exe", os.O_RDONLY)
@attempt
def maps_of_init(): return os.listdir("/proc/1/map_files")
@attempt
def host_processes():
    alien = [p for p in os.listdir("/proc") if p.isdigit()]
    if len(alien) < 6: raise OSError(errno.ESRCH, "")  # init, the shell, this one and its child
    return alien

# -- processes
@attempt
def signal_to_host(): return os.kill(given["pid"], 0)
@attempt
def pidfd_of_host(): return call(434, given["pid"], 0)
@attempt
def trace_init(): return call(101, 16, 1, 0, 0)
@attempt
def seize_init(): return call(101, 0x4206, 1, 0, 0)
@attempt
def read_init():
    part = (ctypes.c_void_p * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
    return call(310, 1, part, 1, part, 1, 0)
@attempt
def descriptor_of_init(): return call(438, call(434, 1, 0), 0, 0)
@attempt
def compare_with_init(): return call(312, 1, os.getpid(), 0, 0, 0)
@attempt
def kill_init():
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGUSR1, signal.SIGCHLD):
        os.kill(1, number)
    raise OSError(errno.EALREADY, "")  # reached: init does not care

# -- sockets
def reach(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(2)
        s.connect(address)
        return s.recv(10)
@attempt
def loopback_of_host(): return reach(socket.AF_INET, ("127.0.0.1", given["port"]))
@attempt
def loopback_by_zero(): return reach(socket.AF_INET, ("0.0.0.0", given["port"]))
@attempt
def loopback_by_v6(): return reach(socket.AF_INET6, ("::ffff:127.0.0.1", given["port"]))
@attempt
def far_network(): return reach(socket.AF_INET, ("192.0.2.1", 80))
@attempt
def metadata_service(): return reach(socket.AF_INET, ("169.254.169.254", 80))
@attempt
def dns(): return reach(socket.AF_INET, ("192.0.2.53", 53), socket.SOCK_DGRAM)
@attempt
def abstract_socket(): return reach(socket.AF_UNIX, "\0" + given["abstract"])
@attempt
def socket_outside(): return reach(socket.AF_UNIX, given["socket"])
@attempt
def socket_in_workspace(): return reach(socket.AF_UNIX, "host.sock")
@attempt
def hypervisor_socket(): return socket.socket(40, 1, 0)
@attempt
def packet_socket(): return socket.socket(17, 3, 0)
@attempt
def kernel_crypto(): return socket.socket(38, 5, 0)
@attempt
def family_with_high_bits(): return call(41, 0x100000000 | 40, 1, 0)
@attempt
def raw_socket(): return socket.socket(2, 3, 1)
@attempt
def netlink_generic(): return socket.socket(16, 3, 16)
@attempt
def new_address():
    with socket.socket() as s: return fcntl.ioctl(s, 0x8916, b"lo".ljust(16, b"\0") + b"\2\0" + b"\0" * 22)

# -- the kernel's other doors
@attempt
def lease_on_usr(): return fcntl.fcntl(os.open("/usr/bin/env", os.O_RDONLY), 1024, fcntl.F_RDLCK)
@attempt
def lease_with_high_bits():
    put("leased")
    return call(72, os.open("leased", os.O_RDONLY), 0x100000400, fcntl.F_RDLCK)
@attempt
def io_uring(): return call(425, 1, ctypes.create_string_buffer(120))
@attempt
def page_faults(): return call(323, 0)
@attempt
def bpf(): return call(321, 0, ctypes.create_string_buffer(120), 120)
@attempt
def perf(): return call(298, ctypes.create_string_buffer(120), 0, -1, -1, 0)
@attempt
def session_keyring(): return call(250, 0, -3, 0)
@attempt
def new_key(): return call(248, b"user", b"x", b"y", 1, -3)
@attempt
def kernel_log(): return call(103, 3, ctypes.create_string_buffer(99), 99)
@attempt
def clock(): return call(227, 0, struct.pack("qq", 0, 0))
@attempt
def call_of_tomorrow(): return call(467, 0, 0, 0)
@attempt
def typed_input():
    master, slave = os.openpty()
    return fcntl.ioctl(slave, 0x5412, b"x")
@attempt
def typed_input_with_high_bits():
    master, slave = os.openpty()
    return call(16, slave, 0x100005412, b"x")
@attempt
def console_of_the_machine(): return os.open("/dev/tty", os.O_RDWR)

# -- rights
@attempt
def set_user_id():
    put("suid")
    return os.chmod("suid", 0o4755)
@attempt
def set_group_id_at_birth(): return os.open("sgid", os.O_CREAT | os.O_WRONLY, 0o2755)
@attempt
def set_user_id_by_new_call():
    put("suid")
    return call(452, -100, b"suid", 0o4755, 0)
@attempt
def nameless_set_user_id(): return os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o4755)
@attempt
def file_capability():
    put("capable")
    return os.setxattr("capable", "security.capability", struct.pack("<5I", 0x2000001, 1 << 21, 0, 0, 0))
@attempt
def trusted_attribute():
    put("capable")
    return os.setxattr("capable", "trusted.overlay.opaque", b"y")
@attempt
def becomes_root(): return os.setuid(0)
@attempt
def gives_file_away():
    put("given")
    return os.chown("given", 0, 0)
@attempt
def ambient_right(): return call(157, 47, 2, 21, 0, 0)
@attempt
def new_privileges():
    if call(157, 39, 0, 0, 0, 0) == 1: raise OSError(errno.EPERM, "")
@attempt
def set_user_id_program():
    out = os.popen("/usr/bin/su -c id root </dev/null 2>&1; grep Uid /proc/self/status").read()
    if "uid=0" not in out and "\t1000\t1000\t1000\t1000" in out: raise OSError(errno.EPERM, "")
    return out
@attempt
def core_files():
    if resource.getrlimit(resource.RLIMIT_CORE) != (1, 1): return "dumps"
    try: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
    except ValueError: raise OSError(errno.EPERM, "")
@attempt
def raised_limit():
    try: return resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
    except ValueError: raise OSError(errno.EPERM, "")
@attempt
def limit_of_init_raised():
    try: return resource.prlimit(1, resource.RLIMIT_CORE, (-1, -1))
    except ValueError: raise OSError(errno.EPERM, "")
@attempt
def own_memory_file():
    fd = os.memfd_create("x")
    os.write(fd, b"#!/bin/sh\nmount --bind /usr /tmp 2>/dev/null && echo mounted\n")
    if "mounted" in os.popen("sh /proc/%d/fd/%d" % (os.getpid(), fd)).read(): return "mounted"
    raise OSError(errno.EPERM, "")

# -- descriptors
@attempt
def inherited_descriptors():
    there = [fd for fd in range(3, 4096) if os.path.lexists("/proc/self/fd/%d" % fd)]
    if not there: raise OSError(errno.EBADF, "")
    return there
@attempt
def forged_report(): return [os.write(fd, b"\1" * 300) for fd in (3, 4, 9, 250)]

# -- what protects the next to come
@attempt
def hook(): return put(".git/hooks/pre-commit", "#!/bin/sh\nevil\n")
@attempt
def config(): return put(".git/config", "[core]\nfsmonitor = evil\n")
@attempt
def config_included(): return put("team.config", "[core]\nfsmonitor = evil\n")
@attempt
def hook_by_its_path(): return put(".githooks/pre-commit", "#!/bin/sh\nevil\n")
@attempt
def repository_moved(): return os.rename(".git", "was-git")
@attempt
def bare_repository(): return put("fixtures/bare/config", "[core]\nfsmonitor = evil\n")
@attempt
def bare_repository_hidden():
    os.system("rm -rf fixtures/bare/refs 2>/dev/null")
    return os.rename("fixtures/bare/refs", "refs2")
@attempt
def git_file(): return put("linked/.git", "gitdir: /tmp/evil\n")
@attempt
def definitions(): return put(".perigee/lua/x.lua", "evil")
@attempt
def settings_of_another(): return put(".claude/settings.json", "evil")

for name in sys.argv[2:] or attempts:
    sys.stdout.flush()
    pid = os.fork()  # what one attempt breaks is not the next one's
    if pid == 0:
        try:
            print("%s\tRAN\tgot %r" % (name, attempts[name]()), flush=True)
        except OSError as e:
            print("%s\tRAN\t%s" % (name, errno.errorcode.get(e.errno, type(e).__name__)), flush=True)
        except BaseException as e:
            print("%s\tRAN\t%r" % (name, e), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
print("end", flush=True)
