#include "hash.h"

#include <sha2.h>
#include <string.h>

void hash_hex(Str bytes, char out[HASH_HEX_SIZE])
{
    SHA2_CTX context;
    SHA256Init(&context);
    if (bytes.len) SHA256Update(&context, (const uint8_t *)bytes.ptr, bytes.len);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256Final(digest, &context);
    static const char HEX[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = HEX[digest[i] >> 4];
        out[2 * i + 1] = HEX[digest[i] & 15];
    }
    out[2 * sizeof digest] = '\0';
}
