/* Any bytes at all as a configuration: it is read or refused with a place, and every node lies
 * inside its bounds, with its own place and no NUL.
 *
 * Use     make MODE=fuzz fuzz; the target is linked with -fsanitize=fuzzer
 */
#include "../../host/define/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void look(const Node *node, int depth)
{
    if (node->line < 1 || node->column < 1 || depth > 64) abort();
    if (node->text.len && memchr(node->text.ptr, '\0', node->text.len)) abort();
    for (const Node *child = node->first; child; child = child->next) {
        if (node->kind == NODE_SCALAR) abort();
        if (node->kind == NODE_MAP && (child->key_line < 1 || child->key_column < 1)) abort();
        if (node->kind == NODE_MAP)
            for (const Node *other = child->next; other; other = other->next)
                if (str_equal(other->key, child->key)) abort();
        look(child, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    Config config;
    Err    err;
    Status status = config_parse((Str){(const char *)bytes, len}, &config, &err);
    if (status == ST_OK)
        look(config.root, 1);
    else if (config.root || config.fault_line < 1 || config.fault_column < 1 || !err.text[0])
        abort();
    config_free(&config);
    return 0;
}
