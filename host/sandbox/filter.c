/* Makes the system call filters, at build time: `filter_gen table` prints C, `filter_gen pfc` what
 * people read (filter.pfc, kept beside this file); `filter_gen cell` prints the one of cell.c.
 *
 * Default allow: compilers and language runtimes try new system calls at every release, and an
 * allow list would break them. What is listed here is what reaches beyond the process: the kernel
 * itself, mounts and namespaces, other processes' memory, keys, clocks, devices. A system call
 * younger than NEWEST is answered with ENOSYS by a second filter (jail_rights.c).
 *
 * Arguments are compared as 64 bits, while the kernel looks at 32 of an int: each rule below is
 * written so that bits above do not slip through (MASKED_EQ, or a comparison that they satisfy).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NEWEST = 450 /* set_mempolicy_home_node, Linux 5.17: the last one that was looked at */ };

/* "No such call": the C library then falls back to an older one that the filter can look into.
 * clone3 and openat2 hide their flags behind a pointer; io_uring does file and network work. */
static const char *const ABSENT[] = {"clone3",         "openat2",           "io_uring_setup",
                                     "io_uring_enter", "io_uring_register", NULL};

static const char *const FORBIDDEN[] = {
    /* mounts and namespaces */
    "mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "unshare", "setns",
    /* keys: the session keyring crosses every namespace */
    "add_key", "request_key", "keyctl",
    /* the kernel's own machinery */
    "bpf", "perf_event_open", "userfaultfd", "open_by_handle_at", "kexec_load", "kexec_file_load",
    "init_module", "finit_module", "delete_module", "create_module", "query_module",
    "get_kernel_syms", "reboot", "swapon", "swapoff", "syslog", "acct", "quotactl", "quotactl_fd",
    "vhangup", "iopl", "ioperm", "modify_ldt", "nfsservctl", "fanotify_init", "fanotify_mark",
    "lookup_dcookie",
    /* the machine's clock */
    "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "settimeofday", "stime",
    "adjtimex",
    /* other processes' memory and descriptors; ptrace stays, LeakSanitizer needs it */
    "kcmp", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "process_madvise",
    "process_mrelease", "move_pages", "migrate_pages",
    /* obsolete */
    "_sysctl", "sysfs", "uselib", "ustat", "afs_syscall", "getpmsg", "putpmsg", "tuxcall",
    "security", "vserver", "epoll_ctl_old", "epoll_wait_old", NULL};

static void must(int rc, const char *what)
{
    if (rc == 0) return;
    fprintf(stderr, "filter_gen: %s: %s\n", what, strerror(-rc));
    exit(1);
}

/* A call that this architecture does not have needs no rule. */
static void deny(scmp_filter_ctx ctx, int error, const char *name, unsigned count,
                 const struct scmp_arg_cmp *args)
{
    int call = seccomp_syscall_resolve_name_arch(seccomp_arch_native(), name);
    if (call < 0 && call != __NR_SCMP_ERROR) return;
    if (call == __NR_SCMP_ERROR) {
        fprintf(stderr, "filter_gen: this libseccomp does not know %s\n", name);
        return;
    }
    int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((unsigned)error), call, count, args);
    must(rc == -EDOM ? 0 : rc, name);
}

static void deny_bits(scmp_filter_ctx ctx, const char *name, unsigned arg, unsigned long bits)
{
    for (unsigned long bit = 1; bit != 0 && bit <= bits; bit <<= 1) {
        if (!(bits & bit)) continue;
        deny(ctx, EPERM, name, 1, &SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, bit, bit));
    }
}

static void add_namespaces(scmp_filter_ctx ctx)
{
    deny_bits(ctx, "clone", 0,
              CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                  CLONE_NEWPID | CLONE_NEWNET);
}

/* Input pushed into a terminal is typed by whoever owns it. */
static void add_terminals(scmp_filter_ctx ctx)
{
    static const unsigned long requests[] = {TIOCSTI, TIOCLINUX};
    for (size_t i = 0; i < 2; i++)
        deny(ctx, EPERM, "ioctl", 1, &SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xffffffffUL, requests[i]));
}

/* A lease makes whoever else opens the file for writing wait, for 45 seconds: also the host's own
 * programs, on the files of /usr that the owner (root, when root runs this) may lease. */
static void add_leases(scmp_filter_ctx ctx)
{
    static const char *const calls[] = {"fcntl", "fcntl64"};
    for (size_t i = 0; i < 2; i++)
        deny(ctx, EPERM, calls[i], 1, &SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xffffffffUL, F_SETLEASE));
}

/* A set-user-id file in the workspace would be run outside the sandbox as whoever owns it. */
static void add_modes(scmp_filter_ctx ctx)
{
    static const struct {
        const char *name;
        unsigned    mode;  /* which argument */
        int         flags; /* the one with O_CREAT, or -1 */
    } calls[] = {
        {"chmod", 1, -1},   {"fchmod", 1, -1}, {"fchmodat", 2, -1}, {"mknod", 1, -1},
        {"mknodat", 2, -1}, {"creat", 1, -1},  {"open", 2, 1},      {"openat", 3, 2},
    };
    static const unsigned long bits[] = {S_ISUID, S_ISGID};
    static const unsigned long makes[] = {O_CREAT, O_TMPFILE & ~O_DIRECTORY};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (size_t bit = 0; bit < 2; bit++) {
            struct scmp_arg_cmp args[2] = {
                SCMP_CMP64(calls[i].mode, SCMP_CMP_MASKED_EQ, bits[bit], bits[bit])};
            if (calls[i].flags < 0) {
                deny(ctx, EPERM, calls[i].name, 1, args);
                continue;
            }
            for (size_t flag = 0; flag < 2; flag++) {
                args[1] = SCMP_CMP64((unsigned)calls[i].flags, SCMP_CMP_MASKED_EQ, makes[flag],
                                     makes[flag]);
                deny(ctx, EPERM, calls[i].name, 2, args);
            }
        }
    }
}

/* Every family but four; netlink for routes only (getifaddrs). AF_VSOCK would reach the hypervisor,
 * and most of the others exist to be forgotten until somebody finds the next hole in them. */
static void add_sockets(scmp_filter_ctx ctx)
{
    static const char *const calls[] = {"socket", "socketpair"};
    enum { FAMILIES = 64 };
    for (size_t i = 0; i < 2; i++) {
        for (unsigned family = 0; family < FAMILIES; family++) {
            if (family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
                family == AF_NETLINK)
                continue;
            deny(ctx, EPERM, calls[i], 1, &SCMP_A0_64(SCMP_CMP_EQ, family));
        }
        deny(ctx, EPERM, calls[i], 1, &SCMP_A0_64(SCMP_CMP_GE, FAMILIES));
        struct scmp_arg_cmp netlink[2] = {SCMP_A0_64(SCMP_CMP_EQ, AF_NETLINK),
                                          SCMP_A2_64(SCMP_CMP_NE, NETLINK_ROUTE)};
        deny(ctx, EPERM, calls[i], 2, netlink);
    }
}

static scmp_filter_ctx make_filter(void)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx) must(-ENOMEM, "seccomp_init");
    must(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "architecture");
    for (size_t i = 0; ABSENT[i]; i++) deny(ctx, ENOSYS, ABSENT[i], 0, NULL);
    for (size_t i = 0; FORBIDDEN[i]; i++) deny(ctx, EPERM, FORBIDDEN[i], 0, NULL);
    add_namespaces(ctx);
    add_terminals(ctx);
    add_leases(ctx);
    add_modes(ctx);
    add_sockets(ctx);
    return ctx;
}

/* The opposite, for a program that computes and whose C library is known: an allow list. */
static scmp_filter_ctx make_cell(void)
{
    static const char *const CALLS[] = {"read",      "write",        "exit",    "exit_group",
                                        "brk",       "munmap",       "madvise", "futex",
                                        "getrandom", "rt_sigreturn", NULL};
    static const char *const MAPS[] = {"mmap", "mmap2", "mprotect"};
    scmp_filter_ctx          ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!ctx) must(-ENOMEM, "seccomp_init");
    must(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "architecture");
    for (size_t i = 0; CALLS[i]; i++)
        must(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(CALLS[i]), 0),
             CALLS[i]);
    must(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0), "mremap");
    /* A memory protection that has the bit of PROT_EXEC is on no list. */
    for (size_t i = 0; i < 3; i++) {
        int call = seccomp_syscall_resolve_name_arch(seccomp_arch_native(), MAPS[i]);
        if (call < 0) continue;
        must(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
                              SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
             MAPS[i]);
    }
    return ctx;
}

static void print_table(scmp_filter_ctx ctx, const char *name)
{
    struct sock_filter line;
    FILE              *file = tmpfile();
    if (!file) must(-errno, "temporary file");
    must(seccomp_export_bpf(ctx, fileno(file)), "export");
    rewind(file);
    printf("/* Made by filter_gen; see host/sandbox/filter.c. */\n"
           "#include <linux/filter.h>\n"
           "enum { %s_NEWEST = %d };\n"
           "static const struct sock_filter %s_TABLE[] = {\n",
           name, NEWEST, name);
    while (fread(&line, sizeof line, 1, file) == 1)
        printf("    {0x%02x, %u, %u, 0x%08x},\n", line.code, line.jt, line.jf, line.k);
    printf("};\n");
    fclose(file);
}

int main(int argc, char **argv)
{
    bool            pfc = argc == 2 && strcmp(argv[1], "pfc") == 0;
    bool            cell = argc == 2 && strcmp(argv[1], "cell") == 0;
    scmp_filter_ctx ctx;
    if (!pfc && !cell && (argc != 2 || strcmp(argv[1], "table") != 0)) {
        fprintf(stderr, "usage: filter_gen table|pfc|cell\n");
        return 2;
    }
    ctx = cell ? make_cell() : make_filter();
    if (pfc) {
        const struct scmp_version *version = seccomp_version();
        printf("# libseccomp %u.%u.%u; above system call %d: ENOSYS\n", version->major,
               version->minor, version->micro, NEWEST);
        fflush(stdout);
        must(seccomp_export_pfc(ctx, STDOUT_FILENO), "export");
    } else {
        print_table(ctx, cell ? "CELL" : "FILTER");
    }
    seccomp_release(ctx);
    return ferror(stdout) ? 1 : 0;
}
