/* Each call goes to whoever made the transport: the network, a recorder, a recording. */
#include "transport_kind.h"

Status http_begin(Transport *transport, const HttpRequest *request, const HttpEvents *events,
                  void *arg, HttpCall **out, Err *err)
{
    return transport->kind->begin(transport, request, events, arg, out, err);
}

void http_pause(HttpCall *call, bool paused) { call->kind->pause(call, paused); }

void http_cancel(HttpCall *call) { call->kind->cancel(call); }

Status transport_finish(Transport *transport, Err *err)
{
    return transport->kind->finish(transport, err);
}

void transport_free(Transport *transport)
{
    if (transport) transport->kind->free(transport);
}
