/* canned_server.c -- answers the Messages API on loopback at once, from written replies; the other
 * end of run_bench. Not a bench itself: tests/bench/run runs what ends in _bench.
 *
 * Use     canned_server; it prints its port and serves until it is ended, or until its parent is.
 *         POST /TOOL/COUNT/v1/messages: while the request holds fewer than COUNT results of calls
 * the reply calls TOOL (bash or read) once more, then it is a final text. POST
 * /stream/COUNT/v1/messages: a text in COUNT pieces. Thread  One for each
 * connection. Nothing is shared: all that a reply depends on is in its request.
 */
#include "canned.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MOST = 16 * 1024 * 1024, REPLY_MOST = 4096 };

/* The events of one reply, in the order in which the API streams them. */
static const char HEAD[] =
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_%d\",\"type\":\"message\","
    "\"role\":\"assistant\",\"content\":[],\"model\":\"canned\",\"stop_reason\":null,"
    "\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\n";
static const char CALL[] =
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
    "{\"type\":\"tool_use\",\"id\":\"call_%d\",\"name\":\"%s\",\"input\":{}}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"input_json_delta\",\"partial_json\":\"%s\"}}\n\n";
static const char SAID[] =
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
    "{\"type\":\"text\",\"text\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"text_delta\",\"text\":\"Nothing is left to do.\"}}\n\n";
static const char TAIL[] =
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\"},"
    "\"usage\":{\"output_tokens\":20}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

static bool send_all(int client, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(client, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static const char TEXT[] = "event: content_block_start\ndata: "
                           "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
                           "{\"type\":\"text\",\"text\":\"\"}}\n\n";
static const char PIECE[] = "event: content_block_delta\ndata: " CANNED_DELTA "\n\n";

/* A text of `count` pieces, as long as a model's usually are. */
static bool answer_stream(int client, int count)
{
    size_t most = REPLY_MOST + (size_t)count * sizeof PIECE, len = 0;
    char  *reply = malloc(most), header[160];
    if (!reply) return false;
    len += (size_t)snprintf(reply, most, HEAD, 0);
    len += (size_t)snprintf(reply + len, most - len, "%s", TEXT);
    for (int i = 0; i < count; i++, len += sizeof PIECE - 1)
        memcpy(reply + len, PIECE, sizeof PIECE - 1);
    len += (size_t)snprintf(reply + len, most - len, TAIL, "end_turn");
    int head = snprintf(
        header, sizeof header,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %zu\r\n\r\n", len);
    bool sent = send_all(client, header, (size_t)head) && send_all(client, reply, len);
    free(reply);
    return sent;
}

static bool answer(int client, const char *request, const char *body)
{
    char tool[16] = "bash", reply[REPLY_MOST], header[160];
    int  wanted = 1, had = count_of(body, "\"tool_result\"");
    if (sscanf(request, "POST /%15[a-z]/%d/", tool, &wanted) != 2) return false;
    if (strcmp(tool, "stream") == 0) return answer_stream(client, wanted);
    bool        is_call = had < wanted;
    const char *input = strcmp(tool, "bash") == 0 ? "{\\\"command\\\":\\\"true\\\"}"
                                                  : "{\\\"path\\\":\\\"a.txt\\\"}";

    int len = snprintf(reply, sizeof reply, HEAD, had);
    if (is_call)
        len += snprintf(reply + len, sizeof reply - (size_t)len, CALL, had, tool, input);
    else
        len += snprintf(reply + len, sizeof reply - (size_t)len, SAID);
    len +=
        snprintf(reply + len, sizeof reply - (size_t)len, TAIL, is_call ? "tool_use" : "end_turn");
    int head = snprintf(
        header, sizeof header,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n", len);
    return send_all(client, header, (size_t)head) && send_all(client, reply, (size_t)len);
}

/* The value of a header as a number; 0 where it is absent. */
static size_t header_number(const char *request, const char *name)
{
    for (const char *at = strstr(request, "\r\n"); at; at = strstr(at + 2, "\r\n"))
        if (strncasecmp(at + 2, name, strlen(name)) == 0)
            return strtoul(at + 2 + strlen(name), NULL, 10);
    return 0;
}

static const char *const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

/* Reads one request into `buf`; false when the client has gone, or sends what nobody here sends. */
static bool serve_one(int client, char *buf)
{
    size_t len = 0, need = REQUEST_MOST;
    char  *body = NULL;
    while (len < need) {
        ssize_t got = recv(client, buf + len, need - len, 0);
        if (got <= 0) return false;
        len += (size_t)got;
        buf[len] = '\0';
        char *end = body ? NULL : strstr(buf, "\r\n\r\n");
        if (!end) continue;
        end[2] = '\0'; /* the headers are a text of their own */
        body = end + 4;
        need = (size_t)(body - buf) + header_number(buf, "content-length:");
        if (need > REQUEST_MOST) return false;
        if (strcasestr(buf, "expect: 100-continue") &&
            !send_all(client, CONTINUE, strlen(CONTINUE)))
            return false;
    }
    return body && answer(client, buf, body);
}

static void *serve(void *arg)
{
    int   client = (int)(intptr_t)arg, at_once = 1;
    char *buf = malloc(REQUEST_MOST + 1);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    while (buf && serve_one(client, buf)) continue;
    free(buf);
    close(client);
    return NULL;
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          size = sizeof at;
    int                listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (bind(listener, (struct sockaddr *)&at, size) != 0 || listen(listener, 4096) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) != 0) {
        perror("canned_server");
        return 1;
    }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    for (;;) {
        pthread_t thread;
        int       client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) continue;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)client) == 0)
            pthread_detach(thread);
        else
            close(client);
    }
}
