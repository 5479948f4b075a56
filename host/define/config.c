#include "config.h"

#include "../base/limits.h"
#include "internal.h"

#include <string.h>

#define MOST_ARENA (8 * MB)

/* What libyaml counts as the end of a line and an editor does not show as one: behind it a comment
 * would go on as settings. */
static bool find_hidden_break(Str text, Place *fault)
{
    static const Str BREAKS[] = {{"\xC2\x85", 2}, {"\xE2\x80\xA8", 3}, {"\xE2\x80\xA9", 3}};
    for (size_t i = 0; i < sizeof BREAKS / sizeof *BREAKS; i++) {
        ptrdiff_t at = str_find(text, BREAKS[i]);
        if (at < 0) continue;
        *fault = place_at(text, (size_t)at);
        return true;
    }
    return false;
}

/* What helps, for the refusals that people meet most. */
static const char *hint_of(Str text, Place place, const char *problem)
{
    size_t at = 0;
    Str    line = {NULL, 0};
    for (int i = 0; i < place.line && line_next(text, &at, text.len, &line); i++) continue;
    if (line.len && line.ptr[0] == '\t') return "; indent with blanks, YAML knows no tabs";
    if (strstr(problem, "mapping values are not allowed"))
        return "; text that holds `: ` belongs in quotes";
    if (strstr(problem, "cannot start any token"))
        return "; text that begins with this character belongs in quotes";
    if (strstr(problem, "alphabetic or numeric"))
        return "; text that begins with * or & belongs in quotes";
    if (strstr(problem, "did not find expected")) return "; look at indentation and brackets";
    return "";
}

/* Nothing, or what stands behind a bare `---`. */
static bool is_blank(const Node *root)
{
    return !root || (root->kind == NODE_SCALAR && !root->quoted && root->text.len == 0);
}

static Status config_check(Str text, Place *fault, Err *err)
{
    *fault = (Place){1, 1};
    if (text.len > LIMIT_CONFIG)
        return err_set(err, ST_LIMIT, "the file has %zu bytes; at most %zu are read", text.len,
                       LIMIT_CONFIG);
    Status status = bytes_check(text, fault, err);
    if (status == ST_OK && find_hidden_break(text, fault))
        status = err_set(err, ST_INVALID,
                         "a line end that editors do not show (U+0085, U+2028 or U+2029)");
    return status;
}

Status config_parse(Str text, Config *out, Err *err)
{
    *out = (Config){0};
    Place  fault;
    Status status = config_check(text, &fault, err);
    if (status == ST_OK) {
        Definition def = {0};
        arena_init(&def.arena, MOST_ARENA);
        Reading    reading = {.text = text, .def = &def, .strict = true};
        size_t     begin = str_starts(text, STR("\xEF\xBB\xBF")) ? 3 : 0;
        YamlResult result;
        yaml_read(&reading, begin, text.len, (Place){1, 1}, &result);
        if (result.ending == YAML_READ && is_blank(result.root)) {
            result.root = node_new(&reading, NODE_MAP, (Place){1, 1});
            if (!result.root) result.ending = YAML_BOUND;
        }
        out->arena = def.arena;
        out->root = result.root;
        fault = result.place;
        if (result.ending == YAML_READ) return ST_OK;
        status = err_set(err, result.ending == YAML_BOUND ? ST_LIMIT : ST_INVALID, "%s%s",
                         result.problem, hint_of(text, fault, result.problem));
    }
    config_free(out);
    out->fault_line = fault.line;
    out->fault_column = fault.column;
    return status;
}

void config_free(Config *config)
{
    arena_clear(&config->arena);
    *config = (Config){0};
}
