#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

typedef struct Block {
    uint8_t prefix[16];
    uint8_t bits;
} Block;

/* IANA IPv4 Special-Purpose Address Registry, multicast and reserved space; and 168.63.129.16, at
 * which Azure answers its guests although the address looks public. */
static const Block V4_SPECIAL[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
    {{168, 63, 129, 16}, 32},
};

/* Global unicast is 2000::/3; these lie in it and are something else. 2001::/23 holds Teredo and
 * ORCHID, 2002::/16 is 6to4. */
static const Block V6_GLOBAL = {{0x20}, 3};
static const Block V6_SPECIAL[] = {
    {{0x20, 0x01}, 23}, {{0x20, 0x01, 0x0d, 0xb8}, 32},
    {{0x20, 0x02}, 16}, {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48}, /* AS112: answers for private names */
    {{0x3f, 0xff}, 20},
};

static bool in_block(const uint8_t *bytes, const Block *block)
{
    size_t   whole = block->bits / 8u;
    unsigned rest = block->bits % 8u;
    if (memcmp(bytes, block->prefix, whole) != 0) return false;
    return rest == 0 || ((bytes[whole] ^ block->prefix[whole]) >> (8 - rest)) == 0;
}

static bool in_any(const uint8_t *bytes, const Block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (in_block(bytes, &blocks[i])) return true;
    return false;
}

/* One decimal number of an IPv4 address. */
static bool read_octet(Str text, uint8_t *out)
{
    unsigned value = 0;
    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.ptr[0] == '0')) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        value = value * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *out = (uint8_t)value;
    return value <= 255;
}

static bool parse_v4(Str text, uint8_t *out)
{
    Str    rest = text, part;
    size_t count = 0;
    while (str_next(&rest, '.', &part))
        if (count == 4 || !read_octet(part, &out[count++])) return false;
    return count == 4;
}

bool address_parse(Str text, Address *out)
{
    char copy[ADDRESS_TEXT_SIZE];
    memset(out, 0, sizeof *out);
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len)) return false;
    if (!memchr(text.ptr, ':', text.len)) return parse_v4(text, out->bytes);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    out->is_v6 = inet_pton(AF_INET6, copy, out->bytes) == 1; /* knows no zones */
    return out->is_v6;
}

void address_text(const Address *address, char out[ADDRESS_TEXT_SIZE])
{
    inet_ntop(address->is_v6 ? AF_INET6 : AF_INET, address->bytes, out, ADDRESS_TEXT_SIZE);
}

bool address_same(const Address *a, const Address *b)
{
    return a->is_v6 == b->is_v6 && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool address_is_loopback(const Address *address)
{
    static const uint8_t ONE[16] = {[15] = 1};
    return address->is_v6 ? memcmp(address->bytes, ONE, sizeof ONE) == 0 : address->bytes[0] == 127;
}

/* RFC 5214: the interface part of an address that tunnels to an IPv4 host. */
static bool is_isatap(const uint8_t *bytes)
{
    return (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

bool address_is_public(const Address *address)
{
    const uint8_t *bytes = address->bytes;
    if (!address->is_v6)
        return !in_any(bytes, V4_SPECIAL, sizeof V4_SPECIAL / sizeof V4_SPECIAL[0]);
    return in_block(bytes, &V6_GLOBAL) && !is_isatap(bytes) &&
           !in_any(bytes, V6_SPECIAL, sizeof V6_SPECIAL / sizeof V6_SPECIAL[0]);
}

socklen_t address_to_socket(const Address *address, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (address->is_v6) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&v6.sin6_addr, address->bytes, 16);
        memcpy(out, &v6, sizeof v6);
        return sizeof v6;
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&v4.sin_addr, address->bytes, 4);
    memcpy(out, &v4, sizeof v4);
    return sizeof v4;
}

bool address_from_socket(const struct sockaddr *from, Address *out, uint16_t *port)
{
    memset(out, 0, sizeof *out);
    if (from->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        memcpy(out->bytes, &v4.sin_addr, 4);
        *port = ntohs(v4.sin_port);
        return true;
    }
    if (from->sa_family != AF_INET6) return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, from, sizeof v6);
    out->is_v6 = true;
    memcpy(out->bytes, &v6.sin6_addr, 16);
    *port = ntohs(v6.sin6_port);
    return true;
}
