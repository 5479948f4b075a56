/* address.h -- IP addresses, and which of them are a public place.
 *
 * Why     A host that a command may reach is named by its name; what the name leads to is said by
 *         whoever runs its DNS. An address of this machine, of the network around it or of a
 *         cloud's metadata service must not be reached under a stranger's name.
 * Use     Address a; if (address_parse(text, &a) && address_is_public(&a)) ...
 * Owner   A value; nothing is allocated.
 * Thread  Any.
 */
#ifndef HOST_HTTP_ADDRESS_H
#define HOST_HTTP_ADDRESS_H

#include "../base/str.h"

#include <sys/socket.h>

typedef struct Address {
    bool    is_v6;
    uint8_t bytes[16]; /* network order; of IPv4 the first four, the others are 0 */
} Address;

enum { ADDRESS_TEXT_SIZE = 46 };

/* Four decimal numbers without leading zeros, or IPv6 text (RFC 4291, section 2.2) without brackets
 * and zone. Every other notation that some resolver would take (0x7f.1, 017700000001, 2130706433)
 * is refused. */
bool address_parse(Str text, Address *out);

/* Writes "192.0.2.1" or "2001:db8::1" (RFC 5952). */
void address_text(const Address *address, char out[ADDRESS_TEXT_SIZE]);

bool address_same(const Address *a, const Address *b); /* ::ffff:10.0.0.1 is not 10.0.0.1 */
bool address_is_loopback(const Address *address);      /* 127.0.0.0/8, ::1 */

/* A unicast address of the public internet. Not: what IANA's special-purpose registries list
 * (private, loopback, link-local, shared, documentation, benchmarking ...), multicast, broadcast,
 * reserved space, metadata services, and IPv6 forms that carry an IPv4 address within (mapped,
 * NAT64, 6to4, Teredo, ISATAP), whatever that address is. */
bool address_is_public(const Address *address);

/* To and from what the kernel takes. The first returns the length of what it wrote; the second
 * answers false for a family that is neither. */
socklen_t address_to_socket(const Address *address, uint16_t port, struct sockaddr_storage *out);
bool      address_from_socket(const struct sockaddr *from, Address *out, uint16_t *port);

#endif
