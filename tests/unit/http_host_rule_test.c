/* Which hosts are listed, which addresses are public: one strict reader for both sides. */
#include "../../host/base/mem.h"
#include "../../host/http/host_rule.h"

#include "tap.h"

#include <netinet/in.h>

/* -- addresses --------------------------------------------------------------------------------- */

TEST(an_address_has_one_notation)
{
    static const char *const GOOD[][2] = {
        {"127.0.0.1", "127.0.0.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::1", "::1"},
        {"2001:DB8::0:1", "2001:db8::1"},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
    };
    static const char *const BAD[] = {
        "",
        "1",
        "127.1",
        "0x7f.0.0.1",
        "127.0.0.01",
        "0177.0.0.1",
        "256.0.0.1",
        "1.2.3.4.5",
        "1.2.3.",
        ".1.2.3",
        "1.2.3.4 ",
        "+1.2.3.4",
        "1.2.3.4:5",
        "[::1]",
        "fe80::1%lo",
        ":",
        ":::",
        "1::2::3",
        "2130706433",
        "::1%1",
        "12345::",
        "::1.2.3.256",
        "1.2..3",
        "017700000001",
        "1.2.3.4444444444444444444444444444444444444444444",
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        Address address;
        char    text[ADDRESS_TEXT_SIZE] = "";
        CHECK(address_parse(str_from(GOOD[i][0]), &address));
        address_text(&address, text);
        CHECK_TEXT(text, GOOD[i][1]);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        Address address;
        if (address_parse(str_from(BAD[i]), &address)) CHECK_TEXT(BAD[i], "refused");
    }
    Address address;
    CHECK(!address_parse((Str){"1.2.3.4\0", 8}, &address));
}

static void check_public(const char *const *texts, size_t count, bool want)
{
    for (size_t i = 0; i < count; i++) {
        Address address;
        CHECK(address_parse(str_from(texts[i]), &address));
        if (address_is_public(&address) != want) CHECK_TEXT(texts[i], want ? "public" : "not");
    }
}

TEST(what_is_not_the_public_internet_is_known)
{
    static const char *const INSIDE[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "169.254.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        /* IPv6 */
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2a00::5efe:127.0.0.1",
        "2a00::200:5efe:a00:1",
    };
    static const char *const OUTSIDE[] = {
        "1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
        "192.0.1.0",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
        "198.20.0.0",      "223.255.255.255", "168.63.129.17",   "2001:4860:4860::8888",
        "2606:4700::1111", "2a00:1450::1",    "2003::1",         "2001:200::1",
        "3ffe::1",
    };
    check_public(INSIDE, sizeof INSIDE / sizeof INSIDE[0], false);
    check_public(OUTSIDE, sizeof OUTSIDE / sizeof OUTSIDE[0], true);
}

TEST(an_address_goes_to_the_kernel_and_back)
{
    static const char *const TEXTS[] = {"192.0.2.7", "2001:db8::7"};
    for (size_t i = 0; i < 2; i++) {
        Address                 address, again;
        struct sockaddr_storage there;
        uint16_t                port = 0;
        CHECK(address_parse(str_from(TEXTS[i]), &address));
        socklen_t len = address_to_socket(&address, 8080, &there);
        CHECK(len == (i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)));
        CHECK(address_from_socket((struct sockaddr *)&there, &again, &port));
        CHECK(address_same(&address, &again));
        CHECK_INT(port, 8080);
    }
    struct sockaddr other = {.sa_family = AF_UNIX};
    Address         none;
    uint16_t        port;
    CHECK(!address_from_socket(&other, &none, &port));
}

/* -- entries ----------------------------------------------------------------------------------- */

typedef struct Odd {
    const char *text, *why;
} Odd;

static const Odd ODD[] = {
    {"", "name is missing"},
    {"https://pypi.org", "without a scheme"},
    {"pypi.org/simple", "without a path"},
    {"user@pypi.org", "user name"},
    {"user:word@pypi.org:80", "user name"},
    {"pypi.org.", "label is empty"},
    {".pypi.org", "label is empty"},
    {"pypi..org", "label is empty"},
    {"my_host.org", "underscore"},
    {"-a.org", "hyphen"},
    {"a-.org", "hyphen"},
    {"a b.org", "letters, digits"},
    {"a\nb.org", "letters, digits"},
    {"b\xc3\xbc"
     "cher.example",
     "xn--"},
    {"a%2eb", "percent"},
    {"0x7f.1", "four decimal numbers"},
    {"127.1", "four decimal numbers"},
    {"0x7f000001", "four decimal numbers"},
    {"017700000001", "four decimal numbers"},
    {"2130706433", "four decimal numbers"},
    {"1.2.3.4.5", "four decimal numbers"},
    {"127.0.0.01", "four decimal numbers"},
    {"999.1.1.1", "four decimal numbers"},
    {"a.0x", "four decimal numbers"},
    {"::1", "brackets"},
    {"::ffff:127.0.0.1", "brackets"},
    {"[::1", "no IPv6 address"},
    {"[]", "no IPv6 address"},
    {"[127.0.0.1]", "no IPv6 address"},
    {"[fe80::1%eth0]", "no IPv6 address"},
    {"[v1.a]", "no IPv6 address"},
    {"[::1]x", "no IPv6 address"},
    {"pypi.org:", "number from 1"},
    {"pypi.org:0", "number from 1"},
    {"pypi.org:080", "number from 1"},
    {"pypi.org:+80", "number from 1"},
    {"pypi.org:65536", "number from 1"},
    {"pypi.org:99999999999", "number from 1"},
    {"pypi.org:80:90", "brackets"},
    {"*", "every host"},
    {"*:443", "every host"},
    {"*.", "name is missing"},
    {"*.org", "two labels"},
    {"*.*.org", "star"},
    {"a.*.org", "star"},
    {"*a.org", "star"},
    {"*.127.0.0.1", "below an address"},
    {"*.[::1]", "below an address"},
};

TEST(entries_that_could_be_read_in_two_ways_are_refused_with_a_reason)
{
    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++) {
        HostRule rule;
        Err      err;
        err_clear(&err);
        CHECK(host_rule_read(str_from(ODD[i].text), &rule, &err) == ST_INVALID);
        if (!strstr(err.text, ODD[i].why)) {
            printf("# entry \"%s\"\n", ODD[i].text);
            CHECK_TEXT(err.text, ODD[i].why);
        }
        for (const char *c = err.text; *c; c++) CHECK(*c >= ' ' && *c < 0x7f);
    }
    HostRule rule;
    Err      err;
    CHECK(host_rule_read((Str){"a\0b.org", 7}, &rule, &err) == ST_INVALID);
    CHECK(host_rule_read((Str){"pypi.org\0", 9}, &rule, &err) == ST_INVALID);
}

TEST(a_name_keeps_the_lengths_of_dns)
{
    char     label[80], name[300] = "";
    HostRule rule;
    Err      err;
    memset(label, 'a', sizeof label);
    label[63] = '\0';
    CHECK(host_rule_read(str_from(label), &rule, &err) == ST_OK);
    for (int i = 0; i < 3; i++) strcat(strcat(name, label), ".");
    label[61] = '\0';
    strcat(name, label); /* 3 * 64 + 61 = 253 */
    CHECK(host_rule_read(str_from(name), &rule, &err) == ST_OK);
    strcat(name, "b");
    CHECK(host_rule_read(str_from(name), &rule, &err) == ST_INVALID);
    label[61] = 'a';
    label[63] = 'a';
    label[64] = '\0';
    CHECK(host_rule_read(str_from(label), &rule, &err) == ST_INVALID);
}

typedef struct Match {
    const char *rule, *host;
    uint16_t    port;
    bool        allowed;
} Match;

static const Match MATCHES[] = {
    {"pypi.org", "pypi.org", 443, true},
    {"pypi.org", "pypi.org", 80, true},
    {"pypi.org", "pypi.org", 22, false},
    {"PyPI.org", "pypi.ORG", 443, true},
    {"pypi.org", "evil-pypi.org", 443, false},
    {"pypi.org", "pypi.org.evil.com", 443, false},
    {"pypi.org", "files.pypi.org", 443, false},
    {"pypi.org:8443", "pypi.org", 8443, true},
    {"pypi.org:8443", "pypi.org", 443, false},
    {"*.npmjs.org", "registry.npmjs.org", 443, true},
    {"*.npmjs.org", "a.b.npmjs.org", 443, true},
    {"*.npmjs.org", "npmjs.org", 443, false},
    {"*.npmjs.org", "evilnpmjs.org", 443, false},
    {"*.npmjs.org", "npmjs.org.evil.com", 443, false},
    {"*.npmjs.org:444", "x.npmjs.org", 443, false},
    {"127.0.0.1:8080", "127.0.0.1", 8080, true},
    {"127.0.0.1:8080", "127.0.0.1", 80, false},
    {"127.0.0.1:8080", "127.0.0.2", 8080, false},
    {"127.0.0.1", "127.0.0.1", 80, true},
    {"[::1]:8080", "[::1]", 8080, true},
    {"[::1]:8080", "[0:0:0:0:0:0:0:1]", 8080, true},
    {"[::1]", "127.0.0.1", 80, false},
    {"127.0.0.1", "[::ffff:127.0.0.1]", 80, false},
    {"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", 80, true},
    {"xn--bcher-kva.example", "xn--bcher-kva.example", 443, true},
    {"gateway", "gateway", 80, true},
};

TEST(a_host_is_listed_by_its_name_and_its_port)
{
    for (size_t i = 0; i < sizeof MATCHES / sizeof MATCHES[0]; i++) {
        const Match *match = &MATCHES[i];
        HostRules    rules = {NULL, 0};
        Host         host;
        Err          err;
        CHECK(host_rules_add(&rules, str_from(match->rule), &err) == ST_OK);
        CHECK(host_read(str_from(match->host), &host, &err) == ST_OK);
        if (host_rules_allow(&rules, &host, match->port) != match->allowed) {
            printf("# %s for %s port %u\n", match->rule, match->host, match->port);
            CHECK(host_rules_allow(&rules, &host, match->port) == match->allowed);
        }
        host_rules_clear(&rules);
    }
}

TEST(an_address_inside_must_be_listed_itself_and_for_that_port)
{
    HostRules rules = {NULL, 0}, copy;
    Address   address;
    Err       err;
    CHECK(host_rules_add(&rules, STR("intern.example"), &err) == ST_OK);
    CHECK(host_rules_add(&rules, STR("10.0.0.5:8080"), &err) == ST_OK);
    CHECK(address_parse(STR("10.0.0.5"), &address));
    CHECK(host_rules_allow_address(&rules, &address, 8080));
    CHECK(!host_rules_allow_address(&rules, &address, 443));
    CHECK(address_parse(STR("10.0.0.6"), &address));
    CHECK(!host_rules_allow_address(&rules, &address, 8080));
    CHECK(address_parse(STR("1.1.1.1"), &address));
    CHECK(host_rules_allow_address(&rules, &address, 443));
    host_rules_copy(&rules, &copy);
    host_rules_clear(&rules);
    CHECK(address_parse(STR("10.0.0.5"), &address));
    CHECK(host_rules_allow_address(&copy, &address, 8080));
    CHECK(!host_rules_allow_address(&rules, &address, 8080));
    host_rules_clear(&copy);
}

TEST(a_port_that_must_be_there_is_missed)
{
    Host     host;
    uint16_t port = 0;
    Err      err;
    CHECK(host_read_port(STR("pypi.org"), 0, &host, &port, &err) == ST_INVALID);
    CHECK(host_read_port(STR("pypi.org"), 80, &host, &port, &err) == ST_OK);
    CHECK_INT(port, 80);
    CHECK(host_read_port(STR("[::1]:443"), 0, &host, &port, &err) == ST_OK);
    CHECK_INT(port, 443);
    CHECK_TEXT(host.name, "::1");
    CHECK(host_read_port(STR("[::1]"), 0, &host, &port, &err) == ST_INVALID);
    CHECK(host_read_port(STR(":443"), 0, &host, &port, &err) == ST_INVALID);
}

TEST(there_is_an_end_to_the_number_of_entries)
{
    HostRules rules = {NULL, 0};
    Err       err;
    char      entry[40];
    for (int i = 0; i < HOST_RULES_MAX; i++) {
        snprintf(entry, sizeof entry, "h%d.example", i);
        CHECK(host_rules_add(&rules, str_from(entry), &err) == ST_OK);
    }
    CHECK(host_rules_add(&rules, STR("more.example"), &err) == ST_LIMIT);
    host_rules_clear(&rules);
}

int main(void) { return tap_run(); }
