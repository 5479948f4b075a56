/* Any bytes at all as a definition: it is read or refused, and every view lies inside its bounds.
 *
 * Use     make MODE=fuzz fuzz; the target is linked with -fsanitize=fuzzer
 */
#include "../../host/define/definition.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static size_t touched;

static void touch(Str text)
{
    for (size_t i = 0; i < text.len; i++) touched += (unsigned char)text.ptr[i];
}

static void touch_node(const Node *node)
{
    touch(node->text);
    touch(node->key);
    if (node->line < 1 || node->column < 1) abort();
    for (const Node *child = node->first; child; child = child->next) touch_node(child);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    Definition def;
    Err        err;
    Status     status =
        definition_parse((Str){(const char *)bytes, len}, DEFINITION_WHOLE, &def, &err);
    if (status != ST_OK) {
        if (def.front || def.blocks || def.notes || def.fault_line < 1 || def.fault_column < 1)
            abort();
        return 0;
    }
    touch_node(def.front);
    touch(def.body);
    for (size_t i = 0; i < def.block_count; i++) {
        const Block *block = &def.blocks[i];
        if (block->line < def.body_line || block->last_line < block->line) abort();
        touch(block->text);
        touch(block->clean);
        touch(block->source);
        touch(block->info);
    }
    const Node *tools = node_get(def.front, "tools");
    if (def.narrowed && (!tools || tools->kind != NODE_LIST || tools->first)) abort();
    for (size_t i = 0; i < def.note_count; i++)
        if (str_utf8_valid_len(def.notes[i].message) != def.notes[i].message.len) abort();
    definition_free(&def);
    return 0;
}
