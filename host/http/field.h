/* field.h -- what a header may be made of (RFC 9110, section 5). Both sides check it: what goes out
 * must not carry a second header, what comes in must not be read in two ways. */
#ifndef HOST_HTTP_FIELD_H
#define HOST_HTTP_FIELD_H

#include "../base/str.h"

bool field_is_name(Str text);  /* also the form of a method */
bool field_is_value(Str text); /* no line end, no control character but the tab */
bool field_same(Str a, Str b); /* names compare without case */

#endif
