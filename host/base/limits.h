/* limits.h -- every bound of the host in one place. Bytes unless the name says otherwise. */
#ifndef HOST_BASE_LIMITS_H
#define HOST_BASE_LIMITS_H

#define KB ((size_t)1024)
#define MB (KB * 1024)

// clang-format off: columns of numbers and what they bound
/* what is read from disk */
#define LIMIT_DEFINITION   (1 * MB) /* an agent's file */
#define LIMIT_FRONT_MATTER (64 * KB)
#define LIMIT_CONFIG       (256 * KB) /* a config.yaml */
#define LIMIT_SCRIPT       (1 * MB)   /* a Lua file */
#define LIMIT_LINE         (1 * MB)   /* of stdin, read line by line */
#define LIMIT_CATALOG      10000      /* definitions in one project */
#define LIMIT_FILE_READ    (64 * MB)  /* a workspace file that the host reads or edits whole */

/* what comes over the wire */
#define LIMIT_REPLY      (32 * MB) /* one model reply, all events together */
#define LIMIT_SSE_LINE   (4 * MB)
#define LIMIT_SSE_EVENT  (8 * MB)
#define LIMIT_HTTP_HEAD  (64 * KB)
#define LIMIT_HTTP_QUEUE (256 * KB) /* unread bytes of a stream before the transfer pauses */
#define LIMIT_REQUEST    (64 * MB)
#define LIMIT_URL        (16 * KB)
#define LIMIT_FETCH      (4 * MB) /* the answer to a tool's request that names no bound */

/* a page of the web, see page/ */
#define LIMIT_PAGE_BYTES (8 * MB) /* as it came */
#define LIMIT_PAGE       (8 * MB) /* as text */
#define LIMIT_PAGE_TITLE (1 * KB)

#define LIMIT_CASSETTE       (256 * MB) /* a file with recorded traffic */
#define LIMIT_CASSETTE_LINES 2000000

/* plain data between VMs, and JSON */
#define LIMIT_CROSSING   (16 * MB)
#define LIMIT_DEPTH      64 /* levels */
#define LIMIT_JSON       (16 * MB)
#define LIMIT_JSON_DEPTH 256        /* levels */
#define LIMIT_JSON_TREE  (128 * MB) /* what its values take while they are read */

/* scripts */
#define LIMIT_HOST_VM     (512 * MB)
#define LIMIT_DECISION_VM (64 * MB)
#define LIMIT_RUN_VM      (64 * MB)
#define LIMIT_DECISION    50000000   /* VM instructions of one decision */
#define LIMIT_DECISION_MS 10000      /* of wall time, as others wait for it */
#define LIMIT_STRETCH     2000000000 /* VM instructions of a tool or chain between two waits */
#define LIMIT_BRANCHES    1000       /* coroutines in one run.all */
#define LIMIT_RANK        (16 * MB)  /* texts that are ranked at once */

/* a sandboxed command, see sandbox/ */
#define LIMIT_EXEC_OUTPUT (1 * MB)   /* kept of each of stdout and stderr: head and tail */
#define LIMIT_EXEC_QUEUE  (1 * MB)   /* streamed and unread before the command has to wait */
#define LIMIT_EXPLAINED   (8 * MB)   /* a plan in words */
#define LIMIT_EXEC_ASIDE  (256 * KB) /* kept of what it says aside, at most */
#define LIMIT_JOB_FRESH   (64 * KB)  /* of each stream of a job that nobody has read */
#define LIMIT_FEED        (16 * KB)  /* of each stream between two looks of whoever watches */

// clang-format on

#endif
