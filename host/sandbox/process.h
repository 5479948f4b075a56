/* process.h -- a command in the sandbox, seen from the host.
 *
 * Why     The only way by which the host starts a program on a user's files. The helper
 *         (perigee-sandbox, jail.c) does the jailing; this file starts it and listens.
 * Use     1 space_new for a run  2 exec_begin  3 on_output while it runs  4 on_end exactly once
 *         5 space_free: everything that the run started is dead, its scratch folders are gone
 * Owner   Space: the run. SandboxExec: the space, until on_end returned. Specs are copied.
 * Units   Milliseconds, bytes.
 * Thread  Loop thread only; nothing blocks.
 * Errors  ST_UNAVAILABLE: no sandbox here; the text names step, errno and remedy. ST_OK in
 *         SandboxResult.err means that the command ran, whatever it exited with.
 */
#ifndef HOST_SANDBOX_PROCESS_H
#define HOST_SANDBOX_PROCESS_H

#include "../base/buf.h"
#include "../loop/loop.h"
#include "denied.h"

#include <sys/resource.h>

typedef struct Space       Space;       /* what the commands of one run share */
typedef struct SandboxExec SandboxExec; /* one command */

typedef struct RootGrant { /* a path outside the workspace that some tool's commands are shown */
    const char *path;      /* absolute; appears at the same path inside; NULL ends a list */
    bool        writes;
} RootGrant;

typedef enum NetworkMode {
    NETWORK_NONE,  /* a loopback of the run's own, and nothing else */
    NETWORK_PROXY, /* the same, with one socket on it at which the host listens */
    NETWORK_HOST,  /* the host's own network; by the user's word only */
} NetworkMode;

typedef struct ExecLimits { /* 0 means what the run sets, else the default in plan.h */
    int64_t wall_ms;        /* below 0: none, whoever began it ends it */
    int64_t cpu_ms;
    size_t  memory;
    size_t  processes;
    size_t  file_size;
    size_t  descriptors;
    size_t  output; /* kept of each of stdout and stderr: head and tail */
} ExecLimits;

/* Takes `fd`, the socket on 127.0.0.1 of the run's network at which the host shall serve. */
typedef void SpaceListens(void *arg, int fd);

typedef struct SpaceSpec {
    const char        *workspace; /* absolute; appears at the same path inside */
    const char        *helper;    /* path of perigee-sandbox */
    const char *const *read_only; /* further paths to show (toolchains); ends in NULL, or is NULL */
    const char *const *pins;      /* below the workspace, read-only; ends in NULL, or is NULL */
    const char *const *variables; /* "NAME=value" for every command; ends in NULL, or is NULL */
    const RootGrant   *roots; /* outside the workspace: what a command may be granted; or NULL */
    NetworkMode        network;
    SpaceListens      *listens; /* NETWORK_PROXY: called once, before the first command starts */
    void              *listens_arg;
    ExecLimits         limits; /* where a command asks for nothing. A number here is also the most
                                  that a command gets, whatever it asks for; but for wall_ms */
    int64_t            wall_most_ms; /* the longest that a command gets; 0: no bound */
    bool               unconfined;   /* by the user's word on the command line: no sandbox at all */
} SpaceSpec;
/* Inside, a pipe beside the standard streams: what a shell says about itself, not of its work. Any
 * process of the command may write to it whatever it likes. */
enum { EXEC_ASIDE_FD = 250 };

typedef struct ExecSpec {
    const char *const *argv;      /* ends in NULL; argv[0] is looked up in the inner PATH */
    const char        *folder;    /* working folder, may be relative to the workspace (NULL) */
    const char *const *variables; /* "NAME=value" beyond the defaults; ends in NULL, or is NULL */
    Str                input;     /* stdin; empty is /dev/null */
    const char        *token;     /* NETWORK_PROXY: names it to the proxy, in variables; or NULL */
    bool               writes;    /* false: the workspace is mounted read-only */
    const RootGrant   *roots;     /* of the space's: those that this command is shown; or NULL */
    bool               own_home;  /* true with roots as well: it may do more than others of its run,
                                     and has a home folder in which they can leave nothing */
    size_t             aside;     /* bytes kept of what it writes to EXEC_ASIDE_FD; 0: not open */
    ExecLimits         limits;
} ExecSpec;

/* How a command ended, in SandboxResult.err:
 *   ST_OK           it ran and ended by itself, whatever its exit code
 *   ST_TIMEOUT      its wall limit passed: TERM, two seconds, KILL
 *   ST_LIMIT        another limit ended it (`limit` names which); without `limit`: it never ran
 *   ST_CANCELLED    exec_cancel
 *   ST_NOT_FOUND    it never ran: no such command in the sandbox (127), or no such folder
 *   ST_DENIED       it never ran: it cannot be executed (126)
 *   ST_INVALID      it never ran: the ExecSpec is wrong
 *   ST_UNAVAILABLE  it never ran: there is no sandbox; the text names step, errno and remedy */
typedef struct SandboxResult {
    Err           err;        /* see above */
    int           exit_code;  /* as a shell says it: 128 + signal; 127 not found, 126 no program */
    int           signal;     /* 0 when it exited */
    const char   *limit;      /* wall, output, memory, processes, cpu, file, or NULL; static */
    Buf           out, error; /* what was kept; the middle is dropped first */
    size_t        out_dropped, error_dropped; /* bytes missing in the middle of each */
    size_t        out_head, error_head;       /* offset in each Buf where the missing part was */
    Buf           aside;                      /* what it wrote to EXEC_ASIDE_FD */
    bool          aside_whole; /* it has that pipe, and wrote no more than was kept */
    struct rusage usage;
    int64_t       wall_ms;    /* from the command's own start on; 0 when it never ran */
    int64_t       allowed_ms; /* the wall limit that was in force */
    DeniedList    denied;     /* what is known exactly; the receiver may denied_take it */
} SandboxResult;              /* borrowed during on_end; the receiver may buf_steal from it */

typedef struct ExecEvents {
    void (*on_output)(void *arg, bool is_error, Str bytes); /* may be NULL; may cancel, must not
                                                               free the space */
    void (*on_end)(void *arg, SandboxResult *result);       /* never from inside exec_begin or
                                                               exec_cancel; may free the space */
} ExecEvents;

MUST_CHECK Status space_new(Loop *loop, const SpaceSpec *spec, Space **out, Err *err);
/* Whether its workspace is that folder, whatever its path leads to by now. */
bool              space_is_in(const Space *space, dev_t device, ino_t inode);
/* NULL allowed. Kills what still runs, without events; blocks for the moment that this takes. */
void              space_free(Space *space);

MUST_CHECK Status exec_begin(Space *space, const ExecSpec *spec, const ExecEvents *events,
                             void *arg, SandboxExec **out, Err *err);
void exec_cancel(SandboxExec *exec); /* KILL at once; on_end follows with ST_CANCELLED */
void exec_stop(SandboxExec *exec);   /* TERM, two seconds, KILL; on_end follows as it then ended */
/* Takes it before its end, without on_end: kills, and blocks for the moment that this takes. */
void exec_drop(SandboxExec *exec);
/* Reads no more output, so that the command waits when its pipes are full; or reads on. What the
 * pipes hold at its end is read in any case. */
void exec_pause(SandboxExec *exec, bool paused);

/* A number that grows with each command that begins or ends, and while one runs with each call.
 * What was looked up in the workspace stands as long as the number does. */
uint64_t space_changes(Space *space);

/* The plan of this command in words, one step a line (perigee exec --explain). Blocks while it
 * looks through the workspace. */
MUST_CHECK Status exec_explain(Space *space, const ExecSpec *spec, Buf *out, Err *err);

/* What bounds a command here, and which second layer there is: some lines for people. Blocks for a
 * moment: what can be found only by doing is done, and undone. */
MUST_CHECK Status sandbox_layers(Buf *out, Err *err);

/* Whether level `full` is remembered to have worked here, since this boot and with this helper. */
bool sandbox_known(const char *helper);

/* Whether level `full` works here, found by doing it with /bin/true in an empty folder. */
typedef void      SandboxProbed(void *arg, const Err *outcome);
MUST_CHECK Status sandbox_probe(Loop *loop, const char *helper, SandboxProbed *probed, void *arg,
                                Err *err);

#endif
