/* host_rule.h -- which hosts may be reached: entries such as "pypi.org", "*.npmjs.org",
 * "127.0.0.1:8080".
 *
 * Why     What people list and what a command asks for must be read by one strict reader: whatever
 *         two readers could take for two hosts is a way out.
 * Use     HostRules rules = {0}; host_rules_add(&rules, entry, &err) for each entry; then for what
 *         is asked: host_read(text, &host, &err), host_rules_allow(&rules, &host, port), and for
 *         each address that it leads to host_rules_allow_address(&rules, &address, port).
 * Owner   HostRules: the caller's shell, host_rules_clear frees. Host and HostRule are values.
 * Thread  Any; nothing is shared.
 *
 *     entry   = [ "*." ] name [ ":" port ] | literal [ ":" port ]
 *     literal = IPv4 as four decimal numbers | "[" IPv6 "]"
 *     name    = labels of letters, digits and inner hyphens (RFC 1123), 1 to 63 bytes each, 253 in
 *               all, no dot at the end; the last is no number
 *
 * An entry without a port is for 80 and 443. "*.npmjs.org" is every name below npmjs.org, at any
 * depth, and not npmjs.org itself; it needs two labels behind the star. Case does not matter. Names
 * beyond ASCII are listed and asked for in their form on the wire ("xn--bcher-kva.example").
 * Refused, each with its own reason: schemes and paths, user names, underscores, a dot at the end,
 * zones, and notations of IPv4 other than the plain one.
 */
#ifndef HOST_HTTP_HOST_RULE_H
#define HOST_HTTP_HOST_RULE_H

#include "../base/status.h"
#include "address.h"

enum { HOST_NAME_MAX_LEN = 253, HOST_RULES_MAX = 1000 };

typedef struct Host {
    bool    is_literal;
    Address address;                     /* of a literal */
    char    name[HOST_NAME_MAX_LEN + 1]; /* lower case; of a literal its plain text, no brackets */
} Host;

typedef struct HostRule {
    Host     host;
    bool     below; /* names below `host`, not itself */
    uint16_t port;  /* 0: 80 and 443 */
} HostRule;

typedef struct HostRules {
    HostRule *items; /* owned */
    size_t    count;
} HostRules;

/* A host alone: a name, IPv4, or "[" IPv6 "]". ST_INVALID with the reason. */
MUST_CHECK Status host_read(Str text, Host *out, Err *err);

/* `host[:port]`; `otherwise` is the port when none is written, 0 when one must be. */
MUST_CHECK Status host_read_port(Str text, uint16_t otherwise, Host *out, uint16_t *port, Err *err);

MUST_CHECK Status host_rule_read(Str text, HostRule *out, Err *err);

/* ST_INVALID for what is no entry, ST_LIMIT beyond HOST_RULES_MAX. */
MUST_CHECK Status host_rules_add(HostRules *rules, Str entry, Err *err);
void              host_rules_copy(const HostRules *from, HostRules *out); /* out: fresh */
void              host_rules_clear(HostRules *rules);

/* Is this host listed for this port? */
bool host_rules_allow(const HostRules *rules, const Host *host, uint16_t port);

/* May this address be dialled, once its host is allowed? Public ones may; any other only where it
 * is itself listed, as a literal for this port. */
bool host_rules_allow_address(const HostRules *rules, const Address *address, uint16_t port);

#endif
