/* secrets.h -- values that only the transport may see.
 *
 * Why     A key in a Lua string ends in a log, a journal or a child. So a request names a secret,
 *         and the value is added behind the last line of Lua.
 * Use     secrets_open() once at start: takes the variables out of the process's environment.
 *         secrets_allow("ANTHROPIC_API_KEY", host) grants one to a host; secrets_has() asks.
 * Owner   The module; secrets_close wipes the values.
 * Thread  Loop thread; secrets_open before there is any other.
 */
#ifndef HOST_HTTP_SECRETS_H
#define HOST_HTTP_SECRETS_H

#include "../base/buf.h"

/* Moves every environment variable whose name ends in _KEY, _TOKEN, _SECRET or _PASSWORD here and
 * out of environ. Where there is none of a name but a NAME_FILE, reads that file (key_file.h). */
void secrets_open(void);
void secrets_close(void);

bool secrets_has(Str name);

/* Why there is no value of this name although a NAME_FILE was set; NULL where there is another
 * reason. Borrowed until secrets_close. */
const char *secrets_refused(Str name);

/* Whether a variable of this name is taken out of the environment. */
bool secrets_is_name(Str name);

/* Grants `name` to `host`, named as http_host_key names it: "api.anthropic.com" for https on its
 * own port, else with the port ("127.0.0.1:8080", "gateway.lan:80"). Compared without case. */
MUST_CHECK Status secrets_allow(Str name, Str host, Err *err);

/* Appends PREFIX and the value. ST_NOT_FOUND, or ST_DENIED when `host` was not granted. For the
 * transport only. */
MUST_CHECK Status secrets_reveal(Str name, Str host, Str prefix, Buf *out, Err *err);

/* The same for a request that brought its own list of hosts along, which was asked before. */
MUST_CHECK Status secrets_reveal_listed(Str name, Str prefix, Buf *out, Err *err);

/* Replaces every occurrence of a secret's value (6 bytes or longer) in `text` by "[NAME]", for
 * texts that come from outside and go into errors and logs. */
void secrets_redact(char *text, size_t size);

/* Overwrites every occurrence of the value of `name` in `bytes`, for what a server sends back that
 * was given it. The length stays. A name that is no secret changes nothing. */
void secrets_mask(Str name, char *bytes, size_t len);

/* The same for every secret there is, for what is kept of a request or an answer. */
void secrets_mask_all(char *bytes, size_t len);

/* For bytes that come in pieces: how many at the end of `bytes` may begin the value of `name`, and
 * have to wait for the next piece. */
size_t secrets_begun(Str name, Str bytes);

/* The same for whichever secret it may be. */
size_t secrets_begun_any(Str bytes);

/* For an answer that ends there: overwrites what may be most of the value at its end. */
void secrets_mask_end(Str name, char *bytes, size_t len);
void secrets_mask_end_all(char *bytes, size_t len);

/* Is the value long enough to be found and masked in what comes back? */
bool secrets_can_mask(Str name);

#endif
