#include "git_config.h"

#include "../base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* One pass over the text. Names and values go into `room`, which is as long as the text and so
 * never too small: each byte of it yields one at most, and each part its end. */
typedef struct Reader {
    const char *at, *end;
    char       *room, *free;
    GitSetting  now;
    GitSeen    *see;
    void       *arg;
    bool        stopped;
} Reader;

static bool read_header(Reader *in);
static bool read_setting(Reader *in);

/* The next byte; -1 at the end. A line may end as on Windows. */
static int look(const Reader *in)
{
    if (in->at == in->end) return -1;
    if (*in->at == '\r' && in->at + 1 < in->end && in->at[1] == '\n') return '\n';
    return (unsigned char)*in->at;
}

static int take(Reader *in)
{
    int c = look(in);
    if (c < 0) return c;
    in->at += c == '\n' && *in->at == '\r' ? 2 : 1;
    return c;
}

static void put(Reader *in, int c) { *in->free++ = (char)c; }

static void skip_line(Reader *in)
{
    int c;
    do c = take(in);
    while (c >= 0 && c != '\n');
}

bool git_config_parse(Str text, GitSeen *see, void *arg)
{
    Reader in = {.at = text.ptr, .end = text.ptr + text.len, .see = see, .arg = arg};
    bool   whole = true;
    if (text.len > GIT_CONFIG_MAX || (text.len && memchr(text.ptr, '\0', text.len))) return false;
    if (str_starts(text, STR("\xEF\xBB\xBF"))) in.at += 3;
    char *header = mem_new(2 * text.len + 8); /* a section's parts outlive its settings */
    char *rest = mem_new(2 * text.len + 8);
    in.room = in.free = header;
    in.now.section = in.now.subsection = "";
    while (whole && !in.stopped && look(&in) >= 0) {
        int c = look(&in);
        if (isspace(c)) {
            take(&in);
        } else if (c == '#' || c == ';') {
            skip_line(&in);
        } else if (c == '[') {
            in.free = header;
            whole = read_header(&in);
        } else {
            in.free = rest;
            whole = isalpha(c) && *in.now.section && read_setting(&in);
        }
    }
    free(header);
    free(rest);
    return whole;
}

/* [section], [section "subsection"], and the old [section.subsection]. */
static bool read_header(Reader *in)
{
    int  c;
    bool split = false;
    take(in);
    in->now.section = in->free;
    in->now.subsection = "";
    while (isalnum(c = look(in)) || c == '-' || c == '.') {
        take(in);
        put(in, c == '.' && !split ? '\0' : tolower(c));
        if (c == '.' && !split) in->now.subsection = in->free;
        split = split || c == '.';
    }
    put(in, '\0');
    if (c == ' ' || c == '\t') {
        while (look(in) == ' ' || look(in) == '\t') take(in);
        if (take(in) != '"') return false;
        in->now.subsection = in->free;
        while ((c = take(in)) != '"') {
            if (c == '\\') c = take(in);
            if (c < 0 || c == '\n') return false;
            put(in, c);
        }
        put(in, '\0');
    }
    return take(in) == ']' && *in->now.section;
}

/* One byte behind a backslash: what it stands for, 0 for nothing, -1 for what git refuses. */
static int escaped(int c)
{
    switch (c) {
    case '\n': return 0;
    case 't': return '\t';
    case 'b': return '\b';
    case 'n': return '\n';
    case '\\':
    case '"': return c;
    default: return -1;
    }
}

static bool read_value(Reader *in)
{
    bool quoted = false;
    int  c;
    while (look(in) == ' ' || look(in) == '\t') take(in);
    char *first = in->free, *last = in->free; /* behind the last byte that is no blank */
    while ((c = take(in)) >= 0 && c != '\n') {
        if (!quoted && (c == '#' || c == ';')) {
            skip_line(in);
            break;
        }
        if (c == '"') {
            quoted = !quoted;
            last = in->free;
            continue;
        }
        bool plain = c != '\\';
        if (!plain) {
            c = escaped(take(in));
            if (c < 0) return false;
            if (c == 0) continue;
        }
        put(in, c);
        if (quoted || !plain || !isspace(c)) last = in->free;
    }
    if (quoted) return false;
    *last = '\0';
    in->free = last + 1;
    in->now.value = first;
    return true;
}

static bool read_setting(Reader *in)
{
    int c;
    in->now.key = in->free;
    while (isalnum(c = look(in)) || c == '-') put(in, tolower(take(in)));
    put(in, '\0');
    while (look(in) == ' ' || look(in) == '\t') take(in);
    c = take(in);
    in->now.value = "true";
    if (c == '=') {
        if (!read_value(in)) return false;
    } else if (c >= 0 && c != '\n') {
        return false;
    }
    in->stopped = !in->see(in->arg, &in->now);
    return true;
}

bool git_config_read(const char *path, GitSeen *see, void *arg)
{
    struct stat info;
    int         fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return false;
    bool   good = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= GIT_CONFIG_MAX;
    char  *bytes = mem_new(GIT_CONFIG_MAX + 1);
    size_t len = 0;
    while (good && len <= GIT_CONFIG_MAX) {
        ssize_t got = read(fd, bytes + len, GIT_CONFIG_MAX + 1 - len);
        if (got < 0 && errno == EINTR) continue;
        good = got >= 0;
        if (got <= 0) break;
        len += (size_t)got;
    }
    close(fd);
    good = good && git_config_parse((Str){bytes, len}, see, arg);
    free(bytes);
    return good;
}

/* -- what is harmless -------------------------------------------------------------------------- */

/* "section key key ..."; a star is every key. Sections with a subsection stand apart. */
static const char *const PLAIN[] = {
    "core repositoryformatversion filemode bare logallrefupdates ignorecase precomposeunicode "
    "symlinks autocrlf eol safecrlf quotepath abbrev compression loosecompression bigfilethreshold "
    "sharedrepository trustctime checkstat sparsecheckout sparsecheckoutcone untrackedcache "
    "preloadindex protecthfs protectntfs commitgraph multipackindex commentchar whitespace "
    "splitindex createobject",
    "extensions objectformat compatobjectformat partialclone refstorage worktreeconfig noop "
    "preciousobjects relativeworktrees",
    "user name email signingkey useconfigonly",
    "author name email",
    "committer name email",
    "init defaultbranch",
    "pull rebase ff",
    "push default autosetupremote followtags",
    "fetch prune prunetags parallel recursesubmodules",
    "merge ff conflictstyle renames renamelimit",
    "rebase autosquash autostash updaterefs",
    "rerere enabled autoupdate",
    "commit gpgsign verbose status",
    "tag gpgsign sort",
    "submodule recurse active",
    "advice *",
    "color *",
    "status *",
    "gc auto autodetach autopacklimit pruneexpire reflogexpire writecommitgraph",
    "pack threads window windowmemory depth",
    "index version threads sparse",
    "lfs repositoryformatversion",
    "protocol version",
    "http postbuffer",
    "receive denycurrentbranch denynonfastforwards denydeletes",
    "uploadpack allowfilter allowanysha1inwant allowreachablesha1inwant allowtipsha1inwant",
    NULL};
static const char *const PLAIN_BELOW[] = {
    "remote url pushurl fetch push mirror tagopt prune promisor partialclonefilter skipfetchall "
    "skipdefaultupdate followremotehead gh-resolved",
    "branch remote merge rebase pushremote description",
    "submodule url active branch ignore shallow update fetchrecursesubmodules",
    "color *",
    "lfs access",
    NULL};

static bool lists(const char *const *lines, const char *section, const char *key)
{
    for (; *lines; lines++) {
        Str rest = str_from(*lines), word;
        str_next(&rest, ' ', &word);
        if (!str_is(word, section)) continue;
        while (str_next(&rest, ' ', &word))
            if (str_is(word, key) || str_is(word, "*")) return true;
    }
    return false;
}

bool git_setting_is_plain(const GitSetting *setting)
{
    bool below = *setting->subsection != '\0';
    if (!lists(below ? PLAIN_BELOW : PLAIN, setting->section, setting->key)) return false;
    if (strcmp(setting->key, "update") == 0) return setting->value[0] != '!'; /* a command */
    /* "ext::sh -c ..." is a transport that runs what it is told. */
    bool names_far = strcmp(setting->key, "url") == 0 || strcmp(setting->key, "pushurl") == 0;
    return !names_far || !strstr(setting->value, "::");
}
