/* transport_kind.h -- what a transport is made of, for those who make one.
 *
 * Why     The network is one far side, a recording another; whoever sends a request need not know.
 * Use     Begin your own structs with a Transport and a HttpCall whose `kind` is yours; transport.c
 *         calls by it. The contracts are those of transport.h.
 */
#ifndef HOST_HTTP_TRANSPORT_KIND_H
#define HOST_HTTP_TRANSPORT_KIND_H

#include "transport.h"

typedef struct TransportKind {
    Status (*begin)(Transport *transport, const HttpRequest *request, const HttpEvents *events,
                    void *arg, HttpCall **out, Err *err);
    void (*pause)(HttpCall *call, bool paused);
    void (*cancel)(HttpCall *call);
    Status (*finish)(Transport *transport, Err *err);
    void (*free)(Transport *transport);
} TransportKind;

struct Transport {
    const TransportKind *kind; /* static */
};

struct HttpCall {
    const TransportKind *kind; /* static */
};

#endif
