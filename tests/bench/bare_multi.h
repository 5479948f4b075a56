/* bare_multi.h -- a bare libcurl multi program, the floor of what requests cost: epoll, socket
 * action, connections that are kept, answers that are thrown away.
 *
 * Use     static Bare bare; bare_open(&bare, url, 100); rate = bare_requests(&bare, 4000);
 *         bare_close(&bare);
 * Errors  A request that fails ends the bench with 1: there is no number then.
 */
#ifndef TESTS_BENCH_BARE_MULTI_H
#define TESTS_BENCH_BARE_MULTI_H

#include "bench.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BARE_AT_ONCE = 1000 };

static const char BARE_BODY[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Go.\"}]}";

typedef struct Bare {
    CURLM             *multi;
    int                poll;
    long               wait_ms;
    char               url[120];
    struct curl_slist *headers;
    CURL              *idle[BARE_AT_ONCE];
    int                idle_count;
} Bare;

static inline int bare_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    Bare              *bare = arg;
    struct epoll_event event = {.data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(bare->poll, EPOLL_CTL_DEL, fd, NULL);
        curl_multi_assign(bare->multi, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
                   (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    epoll_ctl(bare->poll, assigned ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(bare->multi, fd, bare);
    return 0;
}

static inline int bare_timer(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    ((Bare *)arg)->wait_ms = timeout_ms;
    return 0;
}

static inline size_t bare_drop(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes, (void)arg;
    return size * count;
}

/* Handles for so many requests at a time to one address. */
static inline void bare_open(Bare *bare, const char *url, int at_once)
{
    memset(bare, 0, sizeof *bare);
    snprintf(bare->url, sizeof bare->url, "%s", url);
    bare->multi = curl_multi_init();
    bare->poll = epoll_create1(EPOLL_CLOEXEC);
    bare->headers = curl_slist_append(NULL, "content-type: application/json");
    curl_multi_setopt(bare->multi, CURLMOPT_SOCKETFUNCTION, bare_socket);
    curl_multi_setopt(bare->multi, CURLMOPT_SOCKETDATA, bare);
    curl_multi_setopt(bare->multi, CURLMOPT_TIMERFUNCTION, bare_timer);
    curl_multi_setopt(bare->multi, CURLMOPT_TIMERDATA, bare);
    curl_multi_setopt(bare->multi, CURLMOPT_MAXCONNECTS, (long)BARE_AT_ONCE);
    for (int i = 0; i < at_once; i++) {
        CURL *easy = curl_easy_init();
        curl_easy_setopt(easy, CURLOPT_URL, bare->url);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, bare->headers);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, bare_drop);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, BARE_BODY);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)sizeof BARE_BODY - 1);
        bare->idle[bare->idle_count++] = easy;
    }
}

static inline void bare_close(Bare *bare)
{
    for (int i = 0; i < bare->idle_count; i++) curl_easy_cleanup(bare->idle[i]);
    curl_multi_cleanup(bare->multi);
    curl_slist_free_all(bare->headers);
    close(bare->poll);
}

/* Puts handles back that are done; answers how many. */
static inline int bare_collect(Bare *bare)
{
    CURLMsg *message;
    int      left, done = 0;
    while ((message = curl_multi_info_read(bare->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) continue;
        CURL *easy = message->easy_handle;
        if (message->data.result != CURLE_OK) {
            fprintf(stderr, "bare client: %s\n", curl_easy_strerror(message->data.result));
            exit(1);
        }
        curl_multi_remove_handle(bare->multi, easy);
        bare->idle[bare->idle_count++] = easy;
        done++;
    }
    return done;
}

/* Sends `count` requests; answers how many a second. */
static inline double bare_requests(Bare *bare, int count)
{
    struct epoll_event events[64];
    double             from = bench_now_us();
    int                to_begin = count, running, left = count;
    while (left > 0) {
        while (to_begin > 0 && bare->idle_count > 0) {
            curl_multi_add_handle(bare->multi, bare->idle[--bare->idle_count]);
            to_begin--;
        }
        int ready = epoll_wait(bare->poll, events, 64, (int)bare->wait_ms);
        if (ready <= 0) {
            bare->wait_ms = -1;
            curl_multi_socket_action(bare->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        for (int i = 0; i < ready; i++)
            curl_multi_socket_action(bare->multi, events[i].data.fd,
                                     (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                                         (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0),
                                     &running);
        left -= bare_collect(bare);
    }
    return count / ((bench_now_us() - from) / 1e6);
}

#endif
