/* hash.h -- SHA-256 (FIPS 180-4), through libmd. For identity of texts, not for secrets. */
#ifndef HOST_BASE_HASH_H
#define HOST_BASE_HASH_H

#include "str.h"

enum { HASH_HEX_SIZE = 65 };

/* Writes 64 lower-case hex digits and a NUL. */
void hash_hex(Str bytes, char out[HASH_HEX_SIZE]);

#endif
