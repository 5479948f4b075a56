/* cassette.h -- traffic kept in a file, and given again without a network.
 *
 * Why     What a run asked of models and servers, and what they answered piece by piece, is what
 *         cannot be had twice. With it a run can be repeated offline, and a failure looked at.
 * Use     record: cassette_record(path, about, network, ...) and use that transport
 *         play:   cassette_play(loop, path, ...) and use that one
 *         both:   transport_finish at the end of the run, then transport_free
 * Owner   A recorder owns the transport that it was given. The rest is the caller's.
 * Thread  Loop thread only. cassette_play reads the whole file: it blocks, before there is a run.
 *
 * The file is JSON lines, each as it happened, mode 0600, never over one that is there:
 *
 *     {"cassette":1,"about":{...}}                 the format's version; what the caller wants kept
 *     {"request":1,"head":"POST URL\nNAME: VALUE\n...","body":"..."}
 *     {"refused":1,"code":"denied","message":"..."}  never sent; nothing more of it comes
 *     {"head":1,"status":200,"headers":[["NAME","VALUE"],...]}
 *     {"data":1,"bytes":"..."}                     one piece of the body
 *     {"end":1,"code":"ok","message":""}           or how the transfer failed
 *     {"cancel":1}                                 the run wanted no more of it
 *     {"stopped":"why"}                            the last line, when a limit was reached
 *     {"closed":2}                                 the last line of a whole one: count of requests
 *
 * Requests are numbered from 1 in their order. Bytes that are no UTF-8 stand as {"hex":"..."}. A
 * file that ends without one of the last two lines was cut; what stands before the cut plays.
 *
 * Secrets: one that a request names stands as [NAME] in its header. Values of every secret of the
 * process (6 bytes or longer) are overwritten with '*', in what was asked and what was answered,
 * and the values of headers that carry credentials of any kind are left out, cookies too.
 *
 * A request is played by its content: the first recorded one with the same bytes that was not
 * played yet. Equal requests are answered in their recorded order. What was answered comes in the
 * recorded order across all requests: a reply that came after another request had been made comes
 * after it again, so that who is first stays first, while nothing waits for the time that passed.
 * A request that is not in the file fails with ST_INVALID and shows the first byte that differs
 * from the most similar one that is left; then the whole play is over.
 */
#ifndef HOST_HTTP_CASSETTE_H
#define HOST_HTTP_CASSETTE_H

#include "transport.h"

/* `about` is a JSON object in one line. ST_INVALID when `path` exists. The file ends with
 * LIMIT_CASSETTE, or where it cannot be written; the requests go on, and transport_finish tells. */
MUST_CHECK Status cassette_record(const char *path, Str about, Transport *through, Transport **out,
                                  Err *err);

/* Called once, from the loop, when what is asked is not what was recorded. It may cancel calls. */
typedef void CassetteDiffers(void *arg, const Err *how);

/* Appends the caller's part of the file to `about`: JSON, or what a stranger wrote instead. Errors:
 * ST_NOT_FOUND and ST_IO; ST_INVALID with the line for what is no recording; ST_LIMIT.
 * transport_finish is ST_INVALID when recorded requests were not made. */
MUST_CHECK Status cassette_play(Loop *loop, const char *path, CassetteDiffers *differs, void *arg,
                                Transport **out, Buf *about, Err *err);

/* For a workspace that lies elsewhere now: `here` in what is asked counts as `there`, as it was
 * when `player`, of cassette_play, was recorded. Before the first request. */
void cassette_move(Transport *player, Str here, Str there);

#endif
