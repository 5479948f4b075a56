/* Namespaces that the commands of a run share: made once, handed to the host as descriptors, which
 * alone keep them alive. No process is left behind to hold them. */
#include "jail.h"
#include "jail_calls.h"

#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int make_user(const Step *step)
{
    char     map[64];
    unsigned inner = (unsigned)step->number;
    uid_t    user = geteuid();
    gid_t    group = getegid();
    /* Only root can let go of its groups; afterwards nobody in the namespace can take new ones. */
    if (setgroups(0, NULL) != 0 && errno != EPERM) return errno;
    if (unshare(CLONE_NEWUSER) != 0) return errno;
    int error = write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", inner, user);
    if (error == 0) error = write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1", inner, group);
    if (error == 0) error = write_text("/proc/self/gid_map", map);
    return error;
}

int make_net(void) { return unshare(CLONE_NEWNET) == 0 ? 0 : errno; }

/* Slave: what the host unmounts goes away here too, what we mount never shows there. */
int make_mounts(void)
{
    struct mount_attr attr = {.propagation = MS_SLAVE};
    if (unshare(CLONE_NEWNS) != 0) return errno;
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) != 0)
        return errno;
    return 0;
}

int raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int          fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) return close_with(fd, errno);
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    return close_with(fd, ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : errno);
}

/* Its port is the kernel's choice; the host reads it from the socket. */
int open_listener(Jail *jail)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0)
        return close_with(fd, errno);
    jail->listener = fd;
    return 0;
}

int hand_over(const Jail *jail, const Step *step)
{
    static const char *const names[] = {"/proc/self/ns/user", "/proc/self/ns/mnt",
                                        "/proc/self/ns/net"};
    size_t                   count = step->flags & STEP_HOST_NET ? 2 : 3;
    int                      fds[WIRE_REPORT_FDS];
    for (size_t i = 0; i < count; i++) {
        fds[i] = open(names[i], O_RDONLY | O_CLOEXEC);
        if (fds[i] < 0) return errno;
    }
    if (jail->listener >= 0) fds[count++] = jail->listener;
    WireReport report = {.kind = REPORT_SPACE};
    return jail_send(&report, fds, count);
}

int join_space(const Step *step)
{
    if (setns(WIRE_USER_FD, CLONE_NEWUSER) != 0) return errno;
    if (!(step->flags & STEP_HOST_NET) && setns(WIRE_NET_FD, CLONE_NEWNET) != 0) return errno;
    if (setns(WIRE_MOUNTS_FD, CLONE_NEWNS) != 0) return errno;
    for (int fd = WIRE_USER_FD; fd <= WIRE_NET_FD; fd++) close(fd);
    return 0;
}
