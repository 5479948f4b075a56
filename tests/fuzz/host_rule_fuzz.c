/* libFuzzer: entries of hosts may be any bytes. What is taken was understood: written again in its
 * plain form it gives the same rule, and nothing in it could mean a second host to somebody else.
 */
#include "../../host/http/host_rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const Host *host)
{
    for (const char *c = host->name; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        if (!letter && *c != '-' && *c != '.' && !(host->is_literal && *c == ':')) abort();
    }
    Address address;
    if (address_parse(str_from(host->name), &address) != host->is_literal) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HostRule rule, again;
    Err      err;
    char     text[HOST_NAME_MAX_LEN + 20];
    if (host_rule_read((Str){(const char *)data, size}, &rule, &err) != ST_OK) {
        for (const char *c = err.text; *c; c++)
            if (*c < ' ' || *c > '~') abort();
        return 0;
    }
    check_name(&rule.host);
    bool v6 = rule.host.is_literal && rule.host.address.is_v6;
    int  len = snprintf(text, sizeof text, "%s%s%s%s", rule.below ? "*." : "", v6 ? "[" : "",
                        rule.host.name, v6 ? "]" : "");
    if (rule.port) snprintf(text + len, sizeof text - (size_t)len, ":%u", rule.port);
    if (host_rule_read(str_from(text), &again, &err) != ST_OK) abort();
    if (strcmp(again.host.name, rule.host.name) != 0 || again.port != rule.port ||
        again.below != rule.below || again.host.is_literal != rule.host.is_literal)
        abort();
    HostRules rules = {&rule, 1};
    uint16_t  port = rule.port ? rule.port : 443;
    if (host_rules_allow(&rules, &rule.host, port) == rule.below) abort();
    return 0;
}
