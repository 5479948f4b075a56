/* git_config.h -- what a git configuration file says, and whether git would run something for it.
 *
 * Why     A repository that a command has made is obeyed by its user's next `git status`: a config
 *         names programs (core.fsmonitor, filters, aliases) and further files. The host runs no
 *         git on the workspace, so it reads these files itself.
 * Shape   Text in git's own syntax. Sections and keys are given in lower case, a subsection as it
 *         stands, a value without quotes and comments; a key without "=" has the value "true".
 * Errors  git_config_read answers false for what is no such file (git refuses it as well) and for
 *         what is larger than it takes.
 */
#ifndef HOST_SANDBOX_GIT_CONFIG_H
#define HOST_SANDBOX_GIT_CONFIG_H

#include "../base/str.h"

#include <stdbool.h>

enum { GIT_CONFIG_MAX = 256 * 1024 };

typedef struct GitSetting {
    const char *section, *subsection, *key, *value; /* subsection "" where there is none */
} GitSetting;

/* Calls `see` for each setting, in order, until it answers false. */
typedef bool GitSeen(void *arg, const GitSetting *setting);
bool         git_config_read(const char *path, GitSeen *see, void *arg);
bool         git_config_parse(Str text, GitSeen *see, void *arg);

/* Of what git itself writes into a new repository, or of what cannot make it run anything. A list
 * of what is known to be harmless, since each release of git brings new keys that are not. */
bool git_setting_is_plain(const GitSetting *setting);

#endif
