/* From libcurl's codes to a Status and a sentence. Retryable is what may go better next time: a
 * connection that failed or broke. What the far side got wrong in HTTP itself is ST_PROTOCOL. */
#include "curl_internal.h"
#include "secrets.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static Status status_of(CURLcode code)
{
    switch ((int)code) { /* an open list of some hundred; what is not here broke on the way */
    case CURLE_OK: return ST_OK;
    case CURLE_OPERATION_TIMEDOUT: return ST_TIMEOUT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 too: an answer without a head */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_PEER_FAILED_VERIFICATION: return ST_PROTOCOL;
    case CURLE_SSL_CACERT_BADFILE: return ST_INVALID;
    case CURLE_FILESIZE_EXCEEDED: return ST_LIMIT;
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_FAILED_INIT: return ST_BUG;
    default: return ST_UNAVAILABLE;
    }
}

static const char *reason_of(CURLcode code, long sys)
{
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "could not resolve the host's name";
    case CURLE_COULDNT_RESOLVE_PROXY: return "could not resolve the proxy's name";
    case CURLE_COULDNT_CONNECT: return sys ? strerror((int)sys) : "could not connect";
    case CURLE_GOT_NOTHING: return "the connection was closed without an answer";
    case CURLE_PARTIAL_FILE: return "the answer was cut short";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: return "the answer is not HTTP";
    case CURLE_BAD_CONTENT_ENCODING: return "the answer's content coding is broken";
    case CURLE_PEER_FAILED_VERIFICATION: return "TLS: the certificate is not trusted";
    case CURLE_SSL_CONNECT_ERROR: return "TLS: the handshake failed";
    case CURLE_SSL_CACERT_BADFILE: return "TLS: the file of trusted certificates cannot be used";
    case CURLE_SEND_ERROR: return "the connection broke while the request was sent";
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return "the connection broke while the answer came";
    default: return curl_easy_strerror(code);
    }
}

static const char *remedy_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "; check the URL and the network";
    case CURLE_COULDNT_RESOLVE_PROXY: return "; check http_proxy, https_proxy and all_proxy";
    case CURLE_COULDNT_CONNECT: return "; is the server running, is a proxy needed?";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return "; SSL_CERT_FILE or CURL_CA_BUNDLE names the certificates to trust";
    default: return "";
    }
}

static const char *stall_name(Stall stall)
{
    static const char *const NAMES[] = {"connect", "first byte", "idle stream"};
    return NAMES[stall];
}

/* libcurl names a proxy with the password that was set for it. */
static void hide_user_info(char *text)
{
    for (char *at = strstr(text, "://"); at; at = strstr(at, "://")) {
        at += 3;
        size_t len = strcspn(at, "/ '\"");
        char  *sign = memrchr(at, '@', len);
        if (sign) memmove(at, sign + 1, strlen(sign + 1) + 1);
    }
}

/* What a proxy answered to CONNECT that is no tunnel. Only what it says of itself may pass is worth
 * another try. False where it was not asked, or let us through. */
static bool judge_tunnel(CurlCall *call)
{
    long code = 0;
    curl_easy_getinfo(call->easy, CURLINFO_HTTP_CONNECTCODE, &code);
    if (code < 300) return false;
    if (code == 407)
        call_fail(
            call, ST_DENIED,
            "%s: the proxy wants a user and a password (HTTP 407); they stand in its address, "
            "as in HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
            call->where);
    else if (code < 500 && code != 408 && code != 429)
        call_fail(call, ST_DENIED,
                  "%s: the proxy does not let this host through (HTTP %ld); NO_PROXY names hosts "
                  "that are reached without it",
                  call->where, code);
    else
        call_fail(call, ST_UNAVAILABLE, "%s: the proxy cannot reach the host now (HTTP %ld)",
                  call->where, code);
    return true;
}

/* Who sits behind a proxy may think that it is used here; or it may be what does not answer. */
static const char *about_proxy(const CurlCall *call)
{
    if (!call->transport->proxied) return "";
    if (call->guarded)
        return "; a tool's request goes past the proxy of the environment, which would look up "
               "the name out of sight";
    return call->direct ? "" : "; does the proxy that HTTPS_PROXY names answer?";
}

void call_judge(CurlCall *call, CURLcode code)
{
    if (call->failed) return; /* the reason was noted when it was seen */
    if (code == CURLE_OK && !call->head_seen) code = CURLE_WEIRD_SERVER_REPLY;
    if (code == CURLE_OK) {
        err_clear(&call->outcome);
        return;
    }
    if (code == CURLE_OPERATION_TIMEDOUT && call->stall == STALL_CONNECT) {
        call_judge_silence(call, call->stall_deadline);
        return;
    }
    if (call->inside[0] && !call->opened) {
        call_fail(call, ST_DENIED,
                  "%s: the host leads to %s, which is no public address and not listed itself",
                  call->where, call->inside);
        return;
    }
    if (judge_tunnel(call)) return;
    long sys = 0;
    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &sys);
    call->error[sizeof call->error - 1] = '\0';
    hide_user_info(call->error);
    bool unmet = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
    call_fail(call, status_of(code), "%s: %s%s%s%s%s%s", call->where, reason_of(code, sys),
              call->error[0] ? " (" : "", call->error, call->error[0] ? ")" : "", remedy_of(code),
              unmet && call->guarded ? about_proxy(call) : "");
}

void call_judge_silence(CurlCall *call, int64_t now)
{
    const int64_t allowed[] = {call->connect_ms, call->first_byte_ms, call->idle_ms};
    if (now >= call->stall_deadline)
        call_fail(call, ST_TIMEOUT, "%s: %s: nothing happened for %lld ms%s", call->where,
                  stall_name(call->stall), (long long)allowed[call->stall],
                  call->stall == STALL_CONNECT ? about_proxy(call) : "");
    else
        call_fail(call, ST_TIMEOUT, "%s: deadline: the time for the whole exchange is over",
                  call->where);
}

void call_fail(CurlCall *call, Status status, const char *format, ...)
{
    char    text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    secrets_redact(text, sizeof text);
    err_set(&call->outcome, status, "%s", text);
    call->failed = true;
    call->transport->todo = true;
}
