/* config.h -- a configuration file: strict YAML as a tree of text.
 *
 * Why     What settings say about reach and limits must have one reading. So what YAML allows and
 *         people overlook is refused by line and column: anchors, aliases, tags, a key given twice,
 *         a second document, line ends that editors do not show.
 * Use     config_parse(text, &config, err); ...; config_free(&config)
 * Owner   Everything in a Config lives in its arena; the text given may go after the parse.
 * Units   Lines and columns begin at 1; a column is a code point.
 * Thread  Any; pure.
 * Errors  ST_INVALID, ST_LIMIT; fault_line and fault_column say where, the Err what.
 */
#ifndef HOST_DEFINE_CONFIG_H
#define HOST_DEFINE_CONFIG_H

#include "definition.h"

typedef struct Config {
    Arena arena;
    Node *root; /* scalars are text; an empty file is an empty map. Every entry of a map has the
                   place of its key. */
    int   fault_line, fault_column; /* where, when config_parse failed; else 0 */
} Config;

/* On failure `out` holds nothing but fault_line and fault_column; config_free is allowed then, not
 * needed. */
MUST_CHECK Status config_parse(Str text, Config *out, Err *err);
void              config_free(Config *config);

#endif
