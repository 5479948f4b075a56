/* Front matter: read with libyaml, entry by entry where it refuses; then what must not be lost is
 * looked at. */
#include "../base/limits.h"
#include "internal.h"

#include <stdio.h>
#include <string.h>

Status front_read(Reading *reading, const Span *span, Err *err)
{
    Definition *def = reading->def;
    Place       origin = place_at(reading->text, span->begin);
    YamlResult  result;
    yaml_read(reading, span->begin, span->end, origin, &result);

    def->front = result.root;
    if (result.ending == YAML_READ && result.root && result.root->kind == NODE_MAP) {
        if (result.hides)
            return front_narrow(reading, result.place, "a key that limits it cannot be read", err);
    } else {
        if (result.ending == YAML_READ) {
            result.place = origin;
            snprintf(result.problem, sizeof result.problem, "it holds no `key: value`");
        }
        Entries entries;
        bool    bound = result.ending == YAML_BOUND;
        Status  status = lenient_read(reading, span, &entries, err);
        if (status != ST_OK) return status;
        if (entries.count == 0) {
            def->fault_line = origin.line;
            def->fault_column = origin.column;
            return err_set(err, ST_INVALID,
                           "line %d, column %d: the front matter holds no "
                           "`key: value`",
                           origin.line, origin.column);
        }
        if (entries.odd == 0 || bound)
            note_add(reading, bound ? NOTE_ERROR : NOTE_WARNING, "yaml", result.place,
                     "the front matter is read entry by entry: %s", result.problem);
        if (bound)
            return front_narrow(reading, result.place, "the front matter passed a bound", err);
    }
    /* Missing means every tool, so it has to be missing for certain. */
    if (!span->closed && !node_get(def->front, "tools"))
        return front_narrow(reading, place_at(reading->text, span->end),
                            "the front matter is not closed, and names none", err);
    return ST_OK;
}

bool key_narrows(Str key)
{
    static const char *const KEYS[] = {
        "tools",           "allowed-tools",    "allowed_tools",
        "allowedTools",    "disallowed-tools", "disallowed_tools",
        "disallowedTools", "limits",           "permission",
        "permissions",     "permissionMode",   "permission-mode",
        "permission_mode",
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        if (str_is(key, KEYS[i])) return true;
    return false;
}

Status front_narrow(Reading *reading, Place place, const char *why, Err *err)
{
    Definition *def = reading->def;
    if (def->narrowed) return ST_OK;
    def->narrowed = true;
    reading->nodes = 0; /* this one must never fail for a bound that brought us here */
    Node *tools = node_new(reading, NODE_LIST, place);
    if (!tools) return arena_full(err);
    tools->key = STR("tools");
    Node *standing = map_add(def->front, tools);
    if (standing != tools) {
        tools->next = standing->next;
        *standing = *tools;
    }
    note_add(reading, NOTE_ERROR, "tools", place, "the agent gets no tools: %s", why);
    return ST_OK;
}
