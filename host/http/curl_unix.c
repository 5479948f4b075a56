/* HTTP over a socket of this machine: unix:SOCKET:PATH. */
#include "curl_internal.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char PREFIX[] = "unix:";
static const char BEHIND[] = "http://localhost";

Status call_take_socket(char **url, char **socket, Err *err)
{
    struct sockaddr_un at;
    const char        *path = *url + sizeof PREFIX - 1, *colon;
    *socket = NULL;
    if (strncmp(*url, PREFIX, sizeof PREFIX - 1) != 0) return ST_OK;
    colon = strchr(path, ':');
    if (path[0] != '/' || !colon || colon[1] != '/')
        return err_set(err, ST_INVALID,
                       "http request: %s is no address of a socket; write unix:SOCKET:PATH, such "
                       "as unix:/run/llama.sock:/v1",
                       *url);
    size_t len = (size_t)(colon - path);
    if (len >= sizeof at.sun_path)
        return err_set(err, ST_INVALID, "http request: the socket's path has more than %zu bytes",
                       sizeof at.sun_path - 1);
    size_t rest = strlen(colon + 1);
    char  *behind = mem_new(sizeof BEHIND + rest);
    memcpy(behind, BEHIND, sizeof BEHIND - 1);
    memcpy(behind + sizeof BEHIND - 1, colon + 1, rest + 1);
    *socket = mem_copy(path, len);
    free(*url);
    *url = behind;
    return ST_OK;
}
