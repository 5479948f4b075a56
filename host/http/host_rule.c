#include "host_rule.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 63, SHOWN_MAX = 100 };

/* Begins every reason: which text is wrong, with nothing in it that drives a terminal. */
static Status wrong(Err *err, Str text, const char *why)
{
    char   shown[SHOWN_MAX];
    size_t len = text.len < SHOWN_MAX ? text.len : SHOWN_MAX;
    for (size_t i = 0; i < len; i++) {
        char c = text.ptr[i];
        shown[i] = '?';
        if (c > 0x1f && c < 0x7f) shown[i] = c;
    }
    return err_set(err, ST_INVALID, "host \"%.*s%s\": %s", (int)len, shown,
                   text.len > len ? "..." : "", why);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* What is wrong with the characters of a name, in words that help; NULL for nothing. */
static const char *odd_character(Str text)
{
    if (memchr(text.ptr, '\0', text.len)) return "it holds a NUL";
    if (str_find(text, STR("://")) >= 0) return "write the host alone, without a scheme";
    if (memchr(text.ptr, '@', text.len)) return "it holds a user name";
    if (memchr(text.ptr, '%', text.len)) return "zones and percent signs are not taken";
    if (memchr(text.ptr, '/', text.len)) return "write the host alone, without a path";
    if (memchr(text.ptr, '_', text.len)) return "a host's name has no underscore";
    if (memchr(text.ptr, '*', text.len)) return "a star stands for whole labels, at the front only";
    if (memchr(text.ptr, ':', text.len)) return "write IPv6 in brackets, and one port at most";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if ((unsigned char)c >= 0x80) return "write it as DNS does, in ASCII (xn--...)";
        if (!is_digit(c) && !is_letter(c) && c != '-' && c != '.')
            return "a name has letters, digits, hyphens and dots only";
    }
    return NULL;
}

static const char *odd_label(Str label)
{
    if (label.len == 0) return "a label is empty; no dot stands at either end";
    if (label.len > LABEL_MAX) return "a label is longer than 63 bytes";
    if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return "a label begins or ends with a hyphen";
    return NULL;
}

/* What resolvers take for a number, and so the whole name for an IPv4 address: decimal, octal, or
 * hexadecimal. */
static bool is_number(Str label)
{
    bool   hex = label.len >= 2 && label.ptr[0] == '0' && (label.ptr[1] | 32) == 'x';
    size_t i = hex ? 2 : 0;
    for (; i < label.len; i++) {
        char c = label.ptr[i];
        bool a_to_f = (c | 32) >= 'a' && (c | 32) <= 'f';
        if (!is_digit(c) && !(hex && a_to_f)) return false;
    }
    return true;
}

static Status read_name(Str text, Host *out, Err *err)
{
    const char *why = odd_character(text);
    if (!why && text.len > HOST_NAME_MAX_LEN) why = "it is longer than 253 bytes";
    Str rest = text, label = {NULL, 0};
    while (!why && str_next(&rest, '.', &label)) why = odd_label(label);
    if (!why && is_number(label)) why = "write IPv4 as four decimal numbers (127.0.0.1)";
    if (why) return wrong(err, text, why);
    for (size_t i = 0; i < text.len; i++)
        out->name[i] = is_letter(text.ptr[i]) ? (char)(text.ptr[i] | 32) : text.ptr[i];
    return ST_OK;
}

static Status read_literal(Str text, Host *out, Err *err)
{
    Str inner = str_cut(text, 1, text.len - 1);
    if (text.len < 4 || text.ptr[text.len - 1] != ']' || !address_parse(inner, &out->address) ||
        !out->address.is_v6)
        return wrong(err, text, "there is no IPv6 address in the brackets");
    out->is_literal = true;
    address_text(&out->address, out->name);
    return ST_OK;
}

Status host_read(Str text, Host *out, Err *err)
{
    memset(out, 0, sizeof *out);
    if (text.len == 0) return err_set(err, ST_INVALID, "host: it is empty");
    if (text.ptr[0] == '[') return read_literal(text, out, err);
    if (!address_parse(text, &out->address) || out->address.is_v6) {
        memset(out, 0, sizeof *out);
        return read_name(text, out, err);
    }
    out->is_literal = true;
    address_text(&out->address, out->name);
    return ST_OK;
}

/* One to five digits, no sign, no zero in front. */
static bool read_port(Str text, uint16_t *out)
{
    unsigned value = 0;
    if (text.len == 0 || text.len > 5 || text.ptr[0] == '0') return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i])) return false;
        value = value * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *out = (uint16_t)value;
    return value <= 65535;
}

/* Splits at the colon behind the host; without one `port` is empty and its ptr NULL. */
static void split_port(Str text, Str *host, Str *port)
{
    const char *close = text.len && text.ptr[0] == '[' ? memchr(text.ptr, ']', text.len) : NULL;
    size_t      from = close ? (size_t)(close - text.ptr) : 0;
    const char *colon = memchr(text.ptr + from, ':', text.len - from);
    *host = text;
    *port = (Str){NULL, 0};
    /* two colons outside of brackets are IPv6, which read_name tells to write otherwise */
    if (!colon || (!close && memrchr(text.ptr, ':', text.len) != colon)) return;
    *host = str_cut(text, 0, (size_t)(colon - text.ptr));
    *port = (Str){colon + 1, (size_t)(text.ptr + text.len - colon - 1)};
}

Status host_read_port(Str text, uint16_t otherwise, Host *out, uint16_t *port, Err *err)
{
    Str host, digits;
    if (text.len == 0) return err_set(err, ST_INVALID, "host: it is empty");
    if (str_find(text, STR("://")) >= 0)
        return wrong(err, text, "write the host alone, without a scheme");
    split_port(text, &host, &digits);
    *port = otherwise;
    if (digits.ptr && !read_port(digits, port))
        return wrong(err, text, "a port is a number from 1 to 65535");
    if (!digits.ptr && otherwise == 0) return wrong(err, text, "the port is missing");
    return host_read(host, out, err);
}

Status host_rule_read(Str text, HostRule *out, Err *err)
{
    memset(out, 0, sizeof *out);
    out->below = str_starts(text, STR("*."));
    if (str_is(text, "*") || str_starts(text, STR("*:")))
        return wrong(err, text, "no entry stands for every host; list those that are needed");
    Str      rest = out->below ? str_cut(text, 2, text.len) : text;
    uint16_t port = 1; /* any: whether one was written is seen below */
    Str      host, digits;
    if (rest.len == 0) return wrong(err, text, "a name is missing");
    if (host_read_port(rest, port, &out->host, &port, err) != ST_OK) return err->status;
    split_port(rest, &host, &digits);
    out->port = digits.ptr ? port : 0;
    if (out->below && out->host.is_literal)
        return wrong(err, text, "nothing lies below an address");
    if (out->below && !strchr(out->host.name, '.'))
        return wrong(err, text, "behind \"*.\" at least two labels are needed (*.example.org)");
    return ST_OK;
}

Status host_rules_add(HostRules *rules, Str entry, Err *err)
{
    HostRule rule;
    if (rules->count == HOST_RULES_MAX)
        return err_set(err, ST_LIMIT, "hosts: more than %d entries", HOST_RULES_MAX);
    if (host_rule_read(entry, &rule, err) != ST_OK) return err->status;
    rules->items = mem_grow(rules->items, (rules->count + 1) * sizeof rule);
    rules->items[rules->count++] = rule;
    return ST_OK;
}

void host_rules_copy(const HostRules *from, HostRules *out)
{
    out->count = from->count;
    out->items = mem_new((from->count + 1) * sizeof *out->items);
    if (from->count) memcpy(out->items, from->items, from->count * sizeof *out->items);
}

void host_rules_clear(HostRules *rules)
{
    free(rules->items);
    *rules = (HostRules){NULL, 0};
}

static bool port_fits(const HostRule *rule, uint16_t port)
{
    return rule->port ? rule->port == port : port == 80 || port == 443;
}

static bool host_fits(const HostRule *rule, const Host *host)
{
    if (rule->host.is_literal || host->is_literal)
        return rule->host.is_literal && host->is_literal && !rule->below &&
               address_same(&rule->host.address, &host->address);
    if (!rule->below) return strcmp(rule->host.name, host->name) == 0;
    size_t len = strlen(host->name), tail = strlen(rule->host.name);
    return len > tail + 1 && host->name[len - tail - 1] == '.' &&
           strcmp(host->name + len - tail, rule->host.name) == 0;
}

bool host_rules_allow(const HostRules *rules, const Host *host, uint16_t port)
{
    for (size_t i = 0; i < rules->count; i++)
        if (port_fits(&rules->items[i], port) && host_fits(&rules->items[i], host)) return true;
    return false;
}

bool host_rules_allow_address(const HostRules *rules, const Address *address, uint16_t port)
{
    if (address_is_public(address)) return true;
    for (size_t i = 0; i < rules->count; i++) {
        const HostRule *rule = &rules->items[i];
        if (rule->host.is_literal && port_fits(rule, port) &&
            address_same(&rule->host.address, address))
            return true;
    }
    return false;
}
