/* jail.h -- what the files of perigee-sandbox share.
 *
 * Why     A plan is a straight program. Two of its steps split the process: ISOLATE leaves the
 *         outer process waiting and goes on as pid 1 of new namespaces ("init"), FORK leaves init
 *         reaping and goes on as the command.
 *
 *             host ──posix_spawn── outer ──ISOLATE── init ──FORK── command ──EXEC
 *                                  waits, reports     reaps
 *
 *         When the command ends, init writes down how and exits, and the kernel kills what is left
 *         in its pid namespace before the outer process sees init's end. An unconfined plan has no
 *         ISOLATE: then the outer process reaps, and kills what is left itself.
 * Errors  A step answers 0 or an errno. The helper never prints; it allocates nothing.
 */
#ifndef HOST_SANDBOX_JAIL_H
#define HOST_SANDBOX_JAIL_H

#include "wire.h"

#include <sys/types.h>

/* One page that outer process, init and command share until exec takes it from the command: init
 * needs no descriptor to report with, and the command could not forge one. */
typedef struct Outcome {
    int failed; /* a step failed: `step` and `error` hold */
    int step, error;
    int ended; /* the command ended: `wait_status` holds */
    int wait_status;
} Outcome;

typedef struct Jail {
    const WirePlan *plan;         /* borrowed */
    size_t          at;           /* index of the step that is carried out */
    Outcome        *outcome;      /* shared */
    bool            reports;      /* this process is the outer one */
    bool            isolated;     /* ISOLATE is behind us */
    int             root;         /* while the space is made: the new root; else -1 */
    int             cgroup;       /* where ISOLATE puts init and all below it; -1: where we are */
    int             gate;         /* init: readable once the host can kill it; else -1 */
    int             listener;     /* while the space is made: the proxy's socket; else -1 */
    int             fence;        /* between FENCE and ENCLOSE: Landlock's rules; else -1 */
    uint64_t        fence_rights; /* what of the file system they rule */
} Jail;

/* jail.c: puts the failure where the host will see it, and ends this process. */
_Noreturn void jail_fail(Jail *jail, int error);
_Noreturn void jail_report(Jail *jail, ReportKind kind); /* the outer process's last word */
int            jail_send(WireReport *report, const int *fds, size_t fd_count);
int            write_text(const char *path, const char *text);

/* jail_space.c */
int make_user(const Step *step);
int make_net(void);
int make_mounts(void);
int raise_loopback(void);
int open_listener(Jail *jail);
int hand_over(const Jail *jail, const Step *step);
int join_space(const Step *step);

/* jail_mounts.c: the space's root */
int mount_root(Jail *jail, const Step *step);
int make_folder(Jail *jail, const Step *step);
int make_file(Jail *jail, const Step *step);
int make_link(Jail *jail, const Step *step);
int bind_source(Jail *jail, const Step *step);
int bind_workspace(Jail *jail, const Step *step);
int make_place(const Jail *jail, const Step *step);
int bind_host_proc(Jail *jail);
int mount_tmpfs(Jail *jail, const Step *step);
int enter_root(Jail *jail);

/* jail_covers.c: what one command lays over it */
int mount_proc(void);
int mount_pts(void);
int reveal(const Step *step);
int pin(const Step *step);
int make_read_only(const Step *step);
int mask(const Step *step);

/* jail_rights.c */
int drop_rights(void);
int forbid_new_rights(void);
int install_filter(void);
int set_limit(const Step *step);
int bound_processes(const Step *step);

/* jail_fence.c */
int fence_begin(Jail *jail);
int fence_allow(const Jail *jail, const Step *step);
int fence_close(Jail *jail);

/* jail_reap.c: the steps that split the process. They return in the new one only. */
int isolate(Jail *jail);
int fork_command(Jail *jail, const Step *step);
int execute(const WirePlan *plan);

#endif
