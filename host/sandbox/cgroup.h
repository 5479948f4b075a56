/* cgroup.h -- the kernel's own bound on a whole process tree, where a part of the cgroup tree is
 * ours.
 *
 * Why     Without one, the memory of a command is watched from outside, ten times a second. A
 * cgroup (version 2) bounds it at the moment it is asked for. Use     1 cgroup_hold once a space  2
 * cgroup_leaf for a command; its plan enters it (OP_CGROUP) 3 cgroup_events tells what was refused
 * there  4 cgroup_leaf_end  5 cgroup_release
 *
 *             the cgroup that this process was started in, delegated to us and otherwise empty
 *             ├─ perigee-PID-host   this process, since only a leaf may hold one
 *             └─ perigee-PID        with the controllers for
 *                ├─ 1               one command
 *                └─ 2
 *
 * Owner   There is one such tree a process; the last cgroup_release undoes it.
 * Thread  Any; each call blocks for some small files.
 * Errors  Where nothing is delegated nothing is changed, and `why` says what would help.
 */
#ifndef HOST_SANDBOX_CGROUP_H
#define HOST_SANDBOX_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CGROUP_WHY = 4200 }; /* bytes for `why` */

/* What the bounds of a command need: memory, pids. */
extern const char *const CGROUP_CONTROLLERS[];

typedef struct CgroupSetting {
    const char *file; /* of the leaf; NULL ends a list */
    uint64_t    value;
    bool        optional; /* kernels without it are good enough */
} CgroupSetting;

/* Found by doing. `controllers` ends in NULL; all of them are needed. */
bool cgroup_hold(const char *const *controllers, char *why, size_t why_size);
void cgroup_release(void); /* once for each cgroup_hold that answered true */

/* Makes a leaf with these settings; false: none is left behind. */
bool cgroup_leaf(const CgroupSetting *settings, char path[PATH_MAX]);

/* How often `key` stands in `file` of a leaf (memory.events: oom_kill); 0 when that is not known.
 */
uint64_t cgroup_events(const char *leaf, const char *file, const char *key);

void cgroup_leaf_end(const char *leaf); /* kills what is left in it; removes it; NULL allowed */

#endif
