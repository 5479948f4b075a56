#include "secrets.h"

#include "key_file.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef struct Secret {
    char *name;  /* owned */
    char *value; /* owned; wiped before it is freed */
} Secret;

typedef struct Refusal {
    char *name, *why; /* owned */
} Refusal;

typedef struct Grant {
    char *name, *host; /* owned */
} Grant;

enum { REDACT_FROM = 6, GRANTS_MAX = 1000 };

/* One set a process: the environment is one, too. */
static Secret  *secrets;
static size_t   secret_count;
static Refusal *refusals; /* of files */
static size_t   refusal_count;
static Grant   *grants;
static size_t   grant_count;

bool secrets_is_name(Str name)
{
    static const char *const ENDINGS[] = {"_KEY", "_TOKEN", "_SECRET", "_PASSWORD"};
    for (size_t i = 0; i < sizeof ENDINGS / sizeof ENDINGS[0]; i++) {
        size_t len = strlen(ENDINGS[i]);
        if (name.len > len && strncasecmp(name.ptr + name.len - len, ENDINGS[i], len) == 0)
            return true;
    }
    return false;
}

static const Secret *find(Str name)
{
    for (size_t i = 0; i < secret_count; i++)
        if (str_is(name, secrets[i].name)) return &secrets[i];
    return NULL;
}

/* Longest value first: redacting then never leaves the tail of one that begins like another. */
static int longest_first(const void *a, const void *b)
{
    size_t left = strlen(((const Secret *)a)->value), right = strlen(((const Secret *)b)->value);
    return left < right ? 1 : left > right ? -1 : 0;
}

static void add(Str name, Str value)
{
    secrets = mem_grow(secrets, (secret_count + 1) * sizeof *secrets);
    secrets[secret_count++] =
        (Secret){mem_copy(name.ptr, name.len), mem_copy(value.ptr, value.len)};
}

/* Moves one variable. Its bytes lie in the memory that /proc/PID/environ shows, so forgetting the
 * pointer is not enough. */
static void take(char **entry, size_t name_len)
{
    Str   name = {*entry, name_len};
    char *value = *entry + name_len + 1;
    Str   trimmed = str_trim(str_from(value)); /* a key read from a file ends in a line end */
    if (trimmed.len && !find(name)) add(name, trimmed);
    explicit_bzero(value, strlen(value));
    /* not unsetenv: it would forget a second variable of that name with its value unwiped */
    for (; *entry; entry++) entry[0] = entry[1];
}

static void take_file(Str name, const char *path)
{
    Err err;
    Buf value;
    err_clear(&err);
    buf_init(&value, KEY_FILE_MAX);
    if (key_file_read(path, &value, &err) == ST_OK) {
        add(name, buf_str(&value));
    } else {
        refusals = mem_grow(refusals, (refusal_count + 1) * sizeof *refusals);
        refusals[refusal_count++] =
            (Refusal){mem_copy(name.ptr, name.len), mem_copy(err.text, strlen(err.text))};
    }
    if (value.len) explicit_bzero(value.ptr, value.len);
    buf_clear(&value);
}

/* A variable itself counts before a file. */
static void take_files(void)
{
    static const char FILE_END[] = "_FILE=";
    enum { FILE_LEN = sizeof FILE_END - 1 };
    for (char **entry = environ; entry && *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        size_t      len = equals ? (size_t)(equals - *entry) + 1 : 0;
        if (len <= FILE_LEN || memcmp(*entry + len - FILE_LEN, FILE_END, FILE_LEN) != 0) continue;
        Str name = {*entry, len - FILE_LEN};
        if (equals[1] && secrets_is_name(name) && !find(name) && !secrets_refused(name))
            take_file(name, equals + 1);
    }
}

void secrets_open(void)
{
    for (char **entry = environ; entry && *entry;) {
        const char *equals = strchr(*entry, '=');
        size_t      name_len = equals ? (size_t)(equals - *entry) : 0;
        if (name_len && secrets_is_name((Str){*entry, name_len})) {
            take(entry, name_len);
        } else {
            entry++;
        }
    }
    take_files();
    if (!secret_count) return;
    qsort(secrets, secret_count, sizeof *secrets, longest_first);
    /* Neither a core file nor another process of this user gets at them in memory. */
    (void)prctl(PR_SET_DUMPABLE, 0);
}

void secrets_close(void)
{
    for (size_t i = 0; i < secret_count; i++) {
        explicit_bzero(secrets[i].value, strlen(secrets[i].value));
        free(secrets[i].value);
        free(secrets[i].name);
    }
    for (size_t i = 0; i < refusal_count; i++) {
        free(refusals[i].name);
        free(refusals[i].why);
    }
    for (size_t i = 0; i < grant_count; i++) {
        free(grants[i].name);
        free(grants[i].host);
    }
    free(secrets);
    free(refusals);
    free(grants);
    secrets = NULL;
    refusals = NULL;
    grants = NULL;
    secret_count = refusal_count = grant_count = 0;
}

bool secrets_has(Str name) { return find(name) != NULL; }

const char *secrets_refused(Str name)
{
    for (size_t i = 0; i < refusal_count; i++)
        if (str_is(name, refusals[i].name)) return refusals[i].why;
    return NULL;
}

static bool is_granted(Str name, Str host)
{
    for (size_t i = 0; i < grant_count; i++)
        if (str_is(name, grants[i].name) && strlen(grants[i].host) == host.len &&
            strncasecmp(grants[i].host, host.ptr, host.len) == 0)
            return true;
    return false;
}

Status secrets_allow(Str name, Str host, Err *err)
{
    if (name.len == 0 || host.len == 0 || memchr(host.ptr, '\0', host.len) ||
        memchr(name.ptr, '\0', name.len))
        return err_set(err, ST_INVALID, "grant a secret: its name and the host must not be empty");
    if (is_granted(name, host)) return ST_OK;
    if (grant_count == GRANTS_MAX)
        return err_set(err, ST_LIMIT, "grant %.*s: more than %d grants", STR_ARG(name), GRANTS_MAX);
    grants = mem_grow(grants, (grant_count + 1) * sizeof *grants);
    grants[grant_count++] = (Grant){mem_copy(name.ptr, name.len), mem_copy(host.ptr, host.len)};
    return ST_OK;
}

Status secrets_reveal_listed(Str name, Str prefix, Buf *out, Err *err)
{
    const Secret *secret = find(name);
    const char   *refused = secrets_refused(name);
    if (!secret && refused)
        return err_set(err, ST_DENIED, "secret %.*s: %s", STR_ARG(name), refused);
    if (!secret)
        return err_set(err, ST_NOT_FOUND,
                       secrets_is_name(name)
                           ? "secret %.*s: not in the environment; set it, or set its name with "
                             "_FILE to the path of a file with mode 0600, and start again"
                           : "secret %.*s: the names of secrets end in _KEY, _TOKEN, _SECRET or "
                             "_PASSWORD",
                       STR_ARG(name));
    Status status = buf_append(out, prefix, err);
    return status == ST_OK ? buf_append(out, str_from(secret->value), err) : status;
}

Status secrets_reveal(Str name, Str host, Str prefix, Buf *out, Err *err)
{
    if (find(name) && !is_granted(name, host))
        return err_set(err, ST_DENIED, "secret %.*s: not granted to %.*s", STR_ARG(name),
                       STR_ARG(host));
    return secrets_reveal_listed(name, prefix, out, err);
}

/* Puts "[NAME]" where `len` bytes stood at `at`; what no longer fits falls off the end. */
static char *replace(char *text, size_t size, char *at, size_t len, const char *name)
{
    char   sign[80];
    size_t sign_len = strlen(name) < sizeof sign - 2 ? strlen(name) : sizeof sign - 2;
    sign[0] = '[';
    memcpy(sign + 1, name, sign_len);
    sign[++sign_len] = ']';
    sign_len++;
    size_t before = (size_t)(at - text), tail = strlen(at + len);
    if (sign_len > size - 1 - before) sign_len = size - 1 - before;
    if (tail > size - 1 - before - sign_len) tail = size - 1 - before - sign_len;
    memmove(at + sign_len, at + len, tail);
    memcpy(at, sign, sign_len);
    at[sign_len + tail] = '\0';
    return at + sign_len;
}

void secrets_redact(char *text, size_t size)
{
    for (size_t i = 0; i < secret_count; i++) {
        size_t len = strlen(secrets[i].value);
        if (len < REDACT_FROM) continue;
        for (char *at = strstr(text, secrets[i].value); at; at = strstr(at, secrets[i].value))
            at = replace(text, size, at, len, secrets[i].name);
    }
}

static void mask(const Secret *secret, char *bytes, size_t len)
{
    size_t value_len = secret ? strlen(secret->value) : 0;
    if (value_len < REDACT_FROM) return;
    for (char *at = memmem(bytes, len, secret->value, value_len); at;
         at = memmem(at, (size_t)(bytes + len - at), secret->value, value_len))
        memset(at, '*', value_len);
}

static size_t begun(const Secret *secret, Str bytes)
{
    size_t value_len = secret ? strlen(secret->value) : 0;
    if (value_len < REDACT_FROM) return 0;
    size_t most = value_len - 1 < bytes.len ? value_len - 1 : bytes.len;
    for (size_t len = most; len > 0; len--)
        if (memcmp(bytes.ptr + bytes.len - len, secret->value, len) == 0) return len;
    return 0;
}

static void mask_end(char *bytes, size_t len, size_t at_end)
{
    if (at_end >= REDACT_FROM) memset(bytes + len - at_end, '*', at_end);
}

void secrets_mask(Str name, char *bytes, size_t len) { mask(find(name), bytes, len); }

void secrets_mask_all(char *bytes, size_t len)
{
    for (size_t i = 0; i < secret_count; i++) mask(&secrets[i], bytes, len);
}

size_t secrets_begun(Str name, Str bytes) { return begun(find(name), bytes); }

size_t secrets_begun_any(Str bytes)
{
    size_t most = 0;
    for (size_t i = 0; i < secret_count; i++) {
        size_t len = begun(&secrets[i], bytes);
        if (len > most) most = len;
    }
    return most;
}

void secrets_mask_end(Str name, char *bytes, size_t len)
{
    mask_end(bytes, len, secrets_begun(name, (Str){bytes, len}));
}

void secrets_mask_end_all(char *bytes, size_t len)
{
    mask_end(bytes, len, secrets_begun_any((Str){bytes, len}));
}

bool secrets_can_mask(Str name)
{
    const Secret *secret = find(name);
    return secret && strlen(secret->value) >= REDACT_FROM;
}
