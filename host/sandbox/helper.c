#include "helper.h"

#include "../base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

int sealed_file(const char *name, Str bytes, Err *err)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int      seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int      fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) fd = memfd_create(name, flags); /* before Linux 6.3 */
    bool   failed = fd < 0;
    size_t done = 0;
    while (!failed && done < bytes.len) {
        ssize_t part = write(fd, bytes.ptr + done, bytes.len - done);
        if (part > 0)
            done += (size_t)part;
        else
            failed = part == 0 || errno != EINTR;
    }
    if (!failed && lseek(fd, 0, SEEK_SET) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0) return fd;
    err_set(err, ST_IO, "sandbox: file in memory: %s", strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
}

static Status spawn(Loop *loop, const HelperSpec *spec, int plan_fd, int report_fd,
                    ChildEnded *ended, void *arg, Child **child, Err *err)
{
    static const char *const argv[] = {"perigee-sandbox", NULL};
    static const char *const envp[] = {NULL};
    int                      fds[WIRE_ASIDE_FD + 1];
    size_t                   count = WIRE_USER_FD + spec->extra_count;
    for (int i = 0; i <= WIRE_ASIDE_FD; i++) fds[i] = i < 3 ? spec->streams[i] : -1;
    fds[WIRE_PLAN_FD] = plan_fd;
    fds[WIRE_REPORT_FD] = report_fd;
    for (size_t i = 0; i < spec->extra_count; i++) fds[WIRE_USER_FD + i] = spec->extra[i];
    if (spec->aside > 0) {
        fds[WIRE_ASIDE_FD] = spec->aside;
        count = WIRE_ASIDE_FD + 1;
    }
    ChildSpec start = {
        .path = spec->path,
        .argv = argv,
        .envp = envp,
        .fds = fds,
        .fd_count = count,
    };
    Status status = child_spawn(loop, &start, ended, arg, child, err);
    if (status == ST_OK) return ST_OK;
    return err_set(err, ST_UNAVAILABLE,
                   "sandbox: cannot start its helper %s: %s; `make` builds it beside the program, "
                   "`make install` puts it into libexec/perigee",
                   spec->path, strerror(err->sys ? err->sys : ENOENT));
}

Status helper_start(Loop *loop, const HelperSpec *spec, ChildEnded *ended, void *arg, Child **child,
                    int *report_fd, Err *err)
{
    int pair[2], plan_fd = -1;
    Buf bytes;
    buf_init(&bytes, WIRE_BYTES_MAX);
    Status status = plan_encode(spec->plan, (uint32_t)getpid(), &bytes, err);
    if (status == ST_OK && (plan_fd = sealed_file("plan", buf_str(&bytes), err)) < 0)
        status = err->status;
    buf_clear(&bytes);
    if (status != ST_OK) return status;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        status = err_set(err, ST_IO, "sandbox: socket: %s", strerror(errno));
    } else {
        status = spawn(loop, spec, plan_fd, pair[1], ended, arg, child, err);
        close(pair[1]);
        if (status == ST_OK)
            *report_fd = pair[0];
        else
            close(pair[0]);
    }
    close(plan_fd);
    return status;
}

bool helper_receive(int report_fd, WireReport *report, int fds[WIRE_REPORT_FDS])
{
    union {
        struct cmsghdr header;
        char           bytes[CMSG_SPACE(WIRE_REPORT_FDS * sizeof(int))];
    } control;
    struct iovec  part = {report, sizeof *report};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t       got;
    for (int i = 0; i < WIRE_REPORT_FDS; i++) fds[i] = -1;
    do got = recvmsg(report_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0) return false;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    return got == (ssize_t)sizeof *report && report->magic == WIRE_MAGIC;
}
