/* bare_run.c -- the floor of run_bench: the least that a program must do for the same outcome, with
 * libcurl and no host around it. It posts COUNT + 1 times on one connection, each request longer by
 * one call and its result, throws the replies away, and where TOOL is bash starts bash in between.
 *
 * Use     bare_run URL TOOL COUNT
 */
#include <curl/curl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { BODY_MOST = 1024 * 1024 };

extern char **environ;

static const char TURN[] = ",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":"
                           "\"call\",\"name\":\"%s\",\"input\":{}}]},"
                           "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_"
                           "id\":\"call\",\"content\":\"1\\tone line\"}]}";

static size_t drop(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * count;
}

static int run_bash(void)
{
    char *argv[] = {"bash", "-c", "true", NULL};
    pid_t pid;
    int   status = 1;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0) return 1;
    waitpid(pid, &status, 0);
    return status;
}

int main(int argc, char **argv)
{
    static char body[BODY_MOST];
    char        url[200];
    if (argc != 4) return 2;
    int count = atoi(argv[3]);
    snprintf(url, sizeof url, "%s/%s/%d/v1/messages", argv[1], argv[2], count);
    size_t len = (size_t)snprintf(body, sizeof body,
                                  "{\"messages\":[{\"role\":\"user\",\"content\":\"Go.\"}");

    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL              *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "content-type: application/json");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    int failed = 0;
    for (int turn = 0; turn <= count && !failed; turn++) {
        if (turn > 0) len += (size_t)snprintf(body + len, sizeof body - len, TURN, argv[2]);
        if (len + 3 > sizeof body) return 2;
        memcpy(body + len, "]}", 3);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len + 2);
        failed = curl_easy_perform(curl) != CURLE_OK;
        if (!failed && turn < count && strcmp(argv[2], "bash") == 0) failed = run_bash() != 0;
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return failed;
}
