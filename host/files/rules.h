/* rules.h -- which names inside a root are masked and which are read-only. Pure: text alone.
 *
 *     masked      .env* but not .env.example, *.pem, id_rsa id_dsa id_ecdsa id_ed25519 (and _sk)
 *     read-only   .perigee  .claude  a .git that is a file
 *                 in a .git, and below its modules and worktrees:
 *                     hooks  config  config.worktree  commondir  gitdir
 *                 the pins that the root was opened with
 *
 * They are the names of the sandbox (sandbox/plan_rules.c, sandbox/survey_git.c); a test compares
 * both, file by file.
 *
 * A rule about a name holds for everything below it, at every depth of the root.
 */
#ifndef HOST_FILES_RULES_H
#define HOST_FILES_RULES_H

#include "../base/str.h"

typedef enum FileRule { RULE_NONE, RULE_READ_ONLY, RULE_MASKED } FileRule;

/* `path` is relative to the root, without "." and ".." (see path_normalise). `pins` are of the same
 * form and end in NULL. Answers the strictest rule that holds. */
FileRule rules_for(Str path, char *const *pins);

#endif
