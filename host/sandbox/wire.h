/* wire.h -- a plan on its way from the host to perigee-sandbox, and the report that comes back.
 *
 * Why     The host decides, the helper obeys: what the helper does is a list of steps and nothing
 *         else, so that it can be printed, tested without privileges, and read with suspicion.
 * Use     host: fill a WirePlan; wire_encode twice (size, bytes); pass it sealed on descriptor 3
 *         helper: wire_decode; carry out each step in order; send a WireReport on descriptor 4
 * Owner   A decoded plan borrows from the bytes and from its WireStore.
 * Errors  wire_decode answers false for anything that wire_encode would not have written.
 *
 *         bytes   magic u32 · length u32 · host pid u32 · steps u32 · words u32 · variables u32
 *                 steps     op u8 · flags u32 · number u64 · path text · more text
 *                 words     text ...   (the command's argv)
 *                 variables text ...   ("NAME=value")
 *         text    length u32 · that many bytes without NUL · NUL
 *         Numbers are little-endian. Nothing follows the last variable.
 *
 * Both sides come from one build; the magic number changes with the format.
 */
#ifndef HOST_SANDBOX_WIRE_H
#define HOST_SANDBOX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

/*   name          what it does, in words (the subject of an error message)
 * path, more and number are named behind each op; flags come from StepFlags. */
#define STEP_LIST(X)                                                                               \
    /* making the space that the commands of a run share */                                        \
    X(NEW_USER, "make a user namespace") /* number: the inner uid and gid */                       \
    X(NEW_NET, "make a network namespace")                                                         \
    X(NEW_MOUNTS, "make a mount namespace")                                                        \
    X(LOOPBACK, "bring up the loopback interface")                                                 \
    X(LISTEN, "open a socket for the run's proxy, on 127.0.0.1")                                   \
    X(ROOT, "make an empty root")                /* number: bytes */                               \
    X(FOLDER, "make a folder")                   /* path; number: mode */                          \
    X(FILE, "write a file")                      /* path; more: text; number: mode */              \
    X(LINK, "make a symbolic link")              /* path; more: where it points */                 \
    X(BIND, "show")                              /* path; more: the source, else path */           \
    X(TMPFS, "mount a private folder")           /* path; number: bytes; flags: mode */            \
    X(WORKSPACE, "show the workspace")           /* path; must be the folder on descriptor 5 */    \
    X(PLACE, "make the place of a granted path") /* path; more: where it is kept hidden */         \
    X(HOST_PROC, "keep the host's /proc for the next steps' mounts")                               \
    X(ENTER_ROOT, "change the root and let go of the host's files")                                \
    X(HAND_OVER, "hand the namespaces over")                                                       \
    /* one command */                                                                              \
    X(JOIN, "join the run's namespaces")                                                           \
    X(KILL_FIRST, "offer itself to the out-of-memory killer")                                      \
    X(CGROUP, "open the command's cgroup") /* path */                                              \
    X(ISOLATE, "make the command's own namespaces")                                                \
    X(PROC, "mount proc")                                                                          \
    X(PROCESSES, "bound the process numbers") /* number */                                         \
    X(PTS, "mount devpts")                                                                         \
    X(REVEAL, "show the granted path") /* path; more: where it is kept hidden */                   \
    X(PIN, "pin against renaming")     /* path */                                                  \
    X(READ_ONLY, "make read-only")     /* path; recursive */                                       \
    X(MASK, "mask")                    /* path */                                                  \
    X(HOSTNAME, "set the host name")   /* more: the name */                                        \
    X(DROP_RIGHTS, "drop all capabilities")                                                        \
    X(NO_NEW_RIGHTS, "forbid new privileges")                                                      \
    X(FENCE, "begin a list of what Landlock lets pass")                                            \
    X(ALLOW, "let Landlock pass") /* path; flags: what */                                          \
    X(ENCLOSE, "put Landlock's list in force")                                                     \
    X(FILTER, "install the system call filter")                                                    \
    X(FORK, "start the command's process") /* number: where ASIDE appears; 0: it is closed */      \
    X(LIMIT, "set a limit")                /* flags: a WireLimit; number */                        \
    X(ENTER_FOLDER, "enter the folder")    /* path */                                              \
    X(EXEC, "execute")

typedef enum Op {
#define X(name, words) OP_##name,
    STEP_LIST(X)
#undef X
        OP_COUNT
} Op;

enum StepFlags {
    STEP_OPTIONAL = 1,  /* what is not there is passed over */
    STEP_WRITABLE = 2,  /* BIND, REVEAL, ALLOW: not read-only */
    STEP_DEVICE = 4,    /* BIND: a device node, which may be used as one; ALLOW: likewise, below */
    STEP_PRIVATE = 8,   /* TMPFS: mode 0700 instead of 1777 */
    STEP_HOST_NET = 16, /* HAND_OVER, JOIN: there is no network namespace, the host's stays */
    STEP_LISTED = 32,   /* ALLOW: folders may be listed, no file be read */
};

typedef enum WireLimit {
    WIRE_CPU_S,
    WIRE_FILE_SIZE,
    WIRE_DESCRIPTORS,
    WIRE_PROCESSES,
    WIRE_LIMIT_COUNT
} WireLimit;

typedef struct Step {
    Op          op;
    uint32_t    flags;
    uint64_t    number;
    const char *path; /* never NULL */
    const char *more; /* never NULL */
} Step;

typedef struct WirePlan {
    uint32_t     host_pid; /* the helper ends when this is not its parent */
    const Step  *steps;
    size_t       step_count;
    const char **words; /* ends in NULL */
    size_t       word_count;
    const char **variables; /* ends in NULL */
    size_t       variable_count;
} WirePlan;

enum {
    WIRE_MAGIC = 0x33676950,
    WIRE_STEPS_MAX = 16384,
    WIRE_WORDS_MAX = 8192,
    WIRE_VARIABLES_MAX = 2048,
    WIRE_BYTES_MAX = 16 * 1024 * 1024,
    WIRE_TEXT_MAX = 128 * 1024 - 1, /* the kernel's own limit for one argument, without its NUL */
};

typedef struct WireStore { /* where wire_decode puts what it found; large: static or heap */
    Step        steps[WIRE_STEPS_MAX];
    const char *words[WIRE_WORDS_MAX + 1];
    const char *variables[WIRE_VARIABLES_MAX + 1];
} WireStore;

/* Descriptors that the helper is started with. */
enum {
    WIRE_PLAN_FD = 3,
    WIRE_REPORT_FD = 4,
    WIRE_USER_FD = 5,
    WIRE_MOUNTS_FD = 6,
    WIRE_NET_FD = 7,   /* not with STEP_HOST_NET */
    WIRE_ASIDE_FD = 8, /* the write end of a pipe, for FORK */
};
enum { WIRE_WORKSPACE_FD = 5 }; /* while the space is made */
enum { WIRE_REPORT_FDS = 4 };   /* that come with one report, at most */

/* Writes the plan when it fits into `cap` bytes. Returns its size, 0 when a maximum is passed. */
size_t wire_encode(const WirePlan *plan, char *out, size_t cap);
bool   wire_decode(const char *bytes, size_t len, WireStore *store, WirePlan *plan);

const char *wire_op_words(Op op); /* static */

/* -- reports: one datagram each ---------------------------------------------------------------- */
typedef enum ReportKind {
    REPORT_SPACE,   /* the space stands; carries its namespaces (user, mount, and net unless the
                       host's stays) and the socket of LISTEN, in this order */
    REPORT_STARTED, /* the command's first process exists; carries its pidfd */
    REPORT_ENDED,   /* the command ran and ended */
    REPORT_FAILED,  /* a step failed: nothing of the command ran */
} ReportKind;

typedef struct WireReport {
    uint32_t      magic;
    uint32_t      kind;
    uint32_t      step;        /* FAILED: its index in the plan */
    int32_t       error;       /* FAILED: errno */
    int32_t       pid;         /* STARTED: of init, as the host sees it */
    int32_t       wait_status; /* ENDED: of the command, as wait(2) says it */
    struct rusage usage;       /* ENDED, FAILED: of everything that ran */
} WireReport;

#endif
