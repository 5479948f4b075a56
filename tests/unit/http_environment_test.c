/* What the environment decides: secrets and who sees them, proxies, certificates to trust. */
#include "http_rig.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char KEY[] = "sk-very-secret-0123456789";

/* The environment a test starts with, and an empty set of secrets. */
static void open_secrets(void)
{
    setenv("MODEL_API_KEY", KEY, 1);
    setenv("OTHER_TOKEN", "sk-very", 1); /* begins like the other */
    setenv("SHORT_SECRET", "abc", 1);
    setenv("MONKEY", "not a secret", 1);
    secrets_open();
}

static void close_secrets(void)
{
    secrets_close();
    unsetenv("MONKEY");
}

TEST(secrets_leave_the_environment_and_other_variables_stay)
{
    setenv("db_password", "lower case too", 1);
    setenv("EMPTY_KEY", "", 1);
    open_secrets();
    CHECK(secrets_has(STR("MODEL_API_KEY")) && secrets_has(STR("OTHER_TOKEN")));
    CHECK(secrets_has(STR("SHORT_SECRET")) && secrets_has(STR("db_password")));
    CHECK(!secrets_has(STR("EMPTY_KEY")) && !secrets_has(STR("MONKEY")) && !secrets_has(STR("")));
    CHECK(!getenv("MODEL_API_KEY") && !getenv("OTHER_TOKEN") && !getenv("SHORT_SECRET"));
    CHECK(!getenv("db_password") && !getenv("EMPTY_KEY"));
    CHECK_TEXT(getenv("MONKEY"), "not a secret");
    close_secrets();
    CHECK(!secrets_has(STR("MODEL_API_KEY")));
}

TEST(the_bytes_of_a_secret_are_wiped_where_they_stood)
{
    static char first[] = "WIPED_KEY=first-value", second[] = "WIPED_KEY=other-value";
    char       *mine[] = {first, second, NULL}, **before = environ;
    environ = mine;
    secrets_open();
    CHECK(mine[0] == NULL);
    CHECK(memcmp(first, "WIPED_KEY=\0\0\0\0\0\0\0\0\0\0\0", sizeof first) == 0);
    CHECK(memcmp(second, "WIPED_KEY=\0\0\0\0\0\0\0\0\0\0\0", sizeof second) == 0);
    environ = before;
    CHECK(secrets_has(STR("WIPED_KEY")));
    secrets_close();
}

/* Writes a file into the folder of the test and names it in a variable. */
static void name_file(const char *variable, const char *text, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof path, "/tmp/perigee-key-%d-%s", (int)getpid(), variable);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0);
    close(fd);
    setenv(variable, path, 1);
}

static void forget_file(const char *variable)
{
    const char *path = getenv(variable);
    if (path) unlink(path);
    unsetenv(variable);
}

/* Whether the file of `name` is refused, with these words in the reason and none of its text. */
static bool refused_for(Str name, const char *words)
{
    const char *why = secrets_refused(name);
    return !secrets_has(name) && why && strstr(why, words) && !strstr(why, "sk-");
}

TEST(a_secret_comes_from_a_file_that_is_the_users_alone)
{
    Err err;
    Buf out;
    buf_init(&out, 1 * KB);
    name_file("FILED_KEY_FILE", "  sk-filed-0123456789\n", 0600);
    name_file("READ_ONLY_TOKEN_FILE", "sk-read-only", 0400);
    name_file("BOTH_KEY_FILE", "sk-of-the-file", 0600);
    name_file("ODD_SETTING_FILE", "sk-no-secret", 0600);
    setenv("BOTH_KEY", "sk-of-the-variable", 1);
    secrets_open();
    CHECK(secrets_has(STR("FILED_KEY")) && secrets_has(STR("READ_ONLY_TOKEN")));
    CHECK(!secrets_has(STR("ODD_SETTING")) && !secrets_refused(STR("ODD_SETTING")));
    CHECK(secrets_reveal_listed(STR("FILED_KEY"), STR(""), &out, &err) == ST_OK);
    CHECK_TEXT(out.ptr, "sk-filed-0123456789");
    buf_reset(&out);
    CHECK(secrets_reveal_listed(STR("BOTH_KEY"), STR(""), &out, &err) == ST_OK);
    CHECK_TEXT(out.ptr, "sk-of-the-variable");
    char text[] = "it said sk-filed-0123456789 twice";
    secrets_redact(text, sizeof text);
    CHECK(!strstr(text, "0123456789"));
    secrets_close();
    CHECK(!secrets_has(STR("FILED_KEY")));
    forget_file("FILED_KEY_FILE");
    forget_file("READ_ONLY_TOKEN_FILE");
    forget_file("BOTH_KEY_FILE");
    forget_file("ODD_SETTING_FILE");
    buf_clear(&out);
}

TEST(a_file_that_others_may_use_or_that_holds_no_key_is_refused_with_the_reason)
{
    static char long_text[20 * 1024];
    Err         err;
    Buf         out;
    buf_init(&out, 1 * KB);
    memset(long_text, 'x', sizeof long_text - 1);
    name_file("GROUP_KEY_FILE", "sk-group", 0640);
    name_file("WORLD_KEY_FILE", "sk-world", 0604);
    name_file("LINES_KEY_FILE", "sk-one\nsk-two\n", 0600);
    name_file("EMPTY_KEY_FILE", " \n", 0600);
    name_file("LONG_KEY_FILE", long_text, 0600);
    name_file("OTHERS_KEY_FILE", "sk-others", 0600);
    CHECK(geteuid() != 0 || chown(getenv("OTHERS_KEY_FILE"), 65534, 65534) == 0);
    setenv("FOLDER_KEY_FILE", "/tmp", 1);
    setenv("ABSENT_KEY_FILE", "/nowhere/at/all", 1);
    setenv("NEAR_KEY_FILE", "here.txt", 1);
    secrets_open();
    CHECK(refused_for(STR("GROUP_KEY"), "mode is 0640") &&
          refused_for(STR("WORLD_KEY"), "chmod 600"));
    CHECK(refused_for(STR("LINES_KEY"), "more than one line"));
    CHECK(refused_for(STR("EMPTY_KEY"), "empty") && refused_for(STR("LONG_KEY"), "longer than"));
    CHECK(geteuid() != 0 || refused_for(STR("OTHERS_KEY"), "somebody else"));
    CHECK(refused_for(STR("FOLDER_KEY"), "no regular file"));
    CHECK(refused_for(STR("ABSENT_KEY"), "No such file") &&
          refused_for(STR("NEAR_KEY"), "absolute"));
    CHECK(secrets_reveal_listed(STR("GROUP_KEY"), STR(""), &out, &err) == ST_DENIED);
    CHECK(strstr(err.text, "chmod 600") != NULL && out.len == 0);
    secrets_close();
    CHECK(!secrets_refused(STR("GROUP_KEY")));
    static const char *const FILES[] = {"GROUP_KEY_FILE", "WORLD_KEY_FILE", "LINES_KEY_FILE",
                                        "EMPTY_KEY_FILE", "LONG_KEY_FILE",  "OTHERS_KEY_FILE"};
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) forget_file(FILES[i]);
    unsetenv("FOLDER_KEY_FILE");
    unsetenv("ABSENT_KEY_FILE");
    unsetenv("NEAR_KEY_FILE");
    buf_clear(&out);
}

TEST(a_process_with_secrets_leaves_no_core_and_lets_no_other_read_it)
{
    int before = prctl(PR_GET_DUMPABLE);
    prctl(PR_SET_DUMPABLE, 1);
    open_secrets();
    CHECK_INT(prctl(PR_GET_DUMPABLE), 0);
    close_secrets();
    prctl(PR_SET_DUMPABLE, (unsigned long)before);
}

TEST(a_secret_is_revealed_for_granted_hosts_only)
{
    Err err;
    Buf out;
    buf_init(&out, 1 * KB);
    open_secrets();
    Str name = STR("MODEL_API_KEY"), bearer = STR("Bearer ");
    CHECK(secrets_allow(name, STR("api.example.com"), &err) == ST_OK);
    CHECK(secrets_allow(name, STR("127.0.0.1:8080"), &err) == ST_OK);
    CHECK(secrets_reveal(name, STR("API.Example.com"), bearer, &out, &err) == ST_OK);
    CHECK_TEXT(out.ptr, "Bearer sk-very-secret-0123456789");
    buf_reset(&out);
    static const char *const OTHERS[] = {"example.com",
                                         "evil.api.example.com",
                                         "api.example.com.evil",
                                         "api.example.com:8443",
                                         "127.0.0.1",
                                         "127.0.0.1:8081",
                                         ""};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        CHECK(secrets_reveal(name, str_from(OTHERS[i]), bearer, &out, &err) == ST_DENIED);
        CHECK(strstr(err.text, KEY) == NULL);
    }
    CHECK(secrets_reveal(STR("OTHER_TOKEN"), STR("api.example.com"), bearer, &out, &err) ==
          ST_DENIED);
    CHECK(secrets_reveal(STR("NO_KEY"), STR("api.example.com"), bearer, &out, &err) ==
          ST_NOT_FOUND);
    CHECK(secrets_allow(STR(""), STR("x"), &err) == ST_INVALID);
    CHECK_INT(out.len, 0);
    close_secrets();
    buf_clear(&out);
}

TEST(secrets_in_texts_are_replaced_by_their_names)
{
    char text[80] = "keys sk-very-secret-0123456789, sk-very, abc and sk-very-secret-0123456789";
    open_secrets();
    secrets_redact(text, sizeof text);
    CHECK_TEXT(text, "keys [MODEL_API_KEY], [OTHER_TOKEN], abc and [MODEL_API_KEY]");
    char tight[12] = "x sk-very y"; /* the name does not fit where the value stood */
    secrets_redact(tight, sizeof tight);
    CHECK_TEXT(tight, "x [OTHER_TO");
    close_secrets();
}

TEST(the_host_key_names_the_port_whenever_it_is_not_that_of_https)
{
    static const char *const CASES[][2] = {
        {"https://API.example.com/v1", "api.example.com"},
        {"https://api.example.com:443/", "api.example.com"},
        {"https://api.example.com:8443/", "api.example.com:8443"},
        {"http://api.example.com/", "api.example.com:80"},
        {"http://127.0.0.1:8080/v1?x", "127.0.0.1:8080"},
        {"http://[::1]:8080/", "[::1]:8080"},
    };
    Err err;
    Buf key;
    buf_init(&key, 1 * KB);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        buf_reset(&key);
        CHECK(http_host_key(str_from(CASES[i][0]), &key, &err) == ST_OK);
        for (char *c = key.ptr; *c; c++)
            if (*c >= 'A' && *c <= 'Z') *c = (char)(*c | 32);
        CHECK_TEXT(key.ptr, CASES[i][1]);
    }
    CHECK(http_host_key(STR("file:///x"), &key, &err) == ST_INVALID);
    buf_clear(&key);
}

/* -- on the wire ------------------------------------------------------------------------------- */

static char seen_path[200], seen_secret[200];
static int  seen;

static void note_request(void *arg, ServerRequest *request)
{
    Err err;
    (void)arg;
    seen++;
    snprintf(seen_path, sizeof seen_path, "%.*s", STR_ARG(request->path));
    snprintf(seen_secret, sizeof seen_secret, "%.*s",
             STR_ARG(request_header(request, "x-api-key")));
    CHECK(reply_head(request, 200, NULL, 0, &err) == ST_OK);
    reply_end(request);
}

static HttpRequest secret_request(const char *url)
{
    HttpRequest request = get(url);
    request.secret = STR("MODEL_API_KEY");
    request.secret_header = STR("x-api-key");
    return request;
}

TEST(a_request_that_names_a_secret_carries_its_value_to_the_granted_host)
{
    Rig  rig;
    Got  got;
    Err  err;
    char host[40];
    rig_open(&rig, note_request, NULL);
    open_secrets();
    snprintf(host, sizeof host, "127.0.0.1:%u", server_port(rig.server));
    CHECK(secrets_allow(STR("MODEL_API_KEY"), str_from(host), &err) == ST_OK);
    HttpRequest request = secret_request(rig.url);
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_TEXT(seen_secret, KEY);
    got_clear(&got);
    close_secrets();
    rig_close(&rig);
}

TEST(a_secret_without_a_grant_or_given_twice_never_leaves)
{
    Rig rig;
    Got got;
    rig_open(&rig, note_request, NULL);
    open_secrets();
    seen = 0;
    HttpRequest request = secret_request(rig.url);
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_DENIED);
    CHECK(strstr(got.outcome.text, "MODEL_API_KEY: not granted to 127.0.0.1:") != NULL);
    CHECK(strstr(got.outcome.text, KEY) == NULL);
    got_clear(&got);
    HttpHeader twice = {STR("X-API-Key"), STR("mine")};
    request.headers = &twice;
    request.header_count = 1;
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_INVALID);
    got_clear(&got);
    request.header_count = 0;
    request.secret = STR("ABSENT_KEY");
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_NOT_FOUND);
    got_clear(&got);
    CHECK_INT(seen, 0);
    close_secrets();
    rig_close(&rig);
}

TEST(a_secret_that_stands_in_the_URL_is_not_in_the_text_of_a_failure)
{
    Rig  rig;
    Raw  raw;
    Got  got;
    char url[600];
    rig_open(&rig, NULL, NULL);
    open_secrets();
    raw_open(&raw, rig.loop, "http", STR(""), true);
    for (int pad = 0; pad < 200; pad += 7) { /* also where a text is cut */
        snprintf(url, sizeof url, "%s%0*d/%s/x?key=%s", raw.url, pad + 1, 0, KEY, KEY);
        raw.len = 0;
        HttpRequest request = get(url);
        rig_fetch(&rig, &request, &got);
        CHECK_INT(got.outcome.status, ST_UNAVAILABLE);
        CHECK(strstr(got.outcome.text, "very-s") == NULL &&
              strstr(got.outcome.text, "]-s") == NULL);
        got_clear(&got);
    }
    raw_close(&raw);
    close_secrets();
    rig_close(&rig);
}

/* -- proxies ----------------------------------------------------------------------------------- */

TEST(the_proxy_of_the_environment_is_asked_with_the_whole_URL)
{
    Rig rig;
    Got got;
    rig_open(&rig, note_request, NULL);
    setenv("http_proxy", rig.url, 1);
    HttpRequest request = get("http://far.test/path?x=1");
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_TEXT(seen_path, "http://far.test/path?x=1");
    got_clear(&got);
    setenv("no_proxy", "127.0.0.1", 1);
    request = get(rig.url);
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_OK);
    CHECK_TEXT(seen_path, "/");
    got_clear(&got);
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    rig_close(&rig);
}

TEST(https_asks_its_proxy_for_a_tunnel_and_shows_it_no_secret)
{
    Rig rig;
    Raw raw;
    Got got;
    Err err;
    rig_open(&rig, NULL, NULL);
    raw_open(&raw, rig.loop, "http", STR("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), true);
    open_secrets();
    CHECK(secrets_allow(STR("MODEL_API_KEY"), STR("far.test"), &err) == ST_OK);
    setenv("https_proxy", raw.url, 1);
    HttpRequest request = secret_request("https://far.test/path");
    rig_fetch(&rig, &request, &got);
    CHECK_INT(got.outcome.status, ST_DENIED); /* and is not worth another try */
    CHECK_INT(got.heads, 0);
    CHECK(strncmp(raw.seen, "CONNECT far.test:443 HTTP/1.1\r\n", 31) == 0);
    CHECK(strstr(raw.seen, "sk-very") == NULL);
    got_clear(&got);
    unsetenv("https_proxy");
    close_secrets();
    raw_close(&raw);
    rig_close(&rig);
}

TEST(what_libcurl_says_about_a_proxy_tells_no_password_and_no_secret)
{
    static const char *const PROXIES[] = {
        "http://me:pass-word@127.0.0.1:1/", "nonsense://me:pass-word@127.0.0.1:1/",
        "http://me:pass-word@127.0.0.1:99999999/", "nonsense://sk-very-secret-0123456789/"};
    Rig rig;
    rig_open(&rig, NULL, NULL);
    open_secrets();
    for (size_t i = 0; i < sizeof PROXIES / sizeof PROXIES[0]; i++) {
        Got got;
        setenv("all_proxy", PROXIES[i], 1);
        HttpRequest request = get("http://far.test/");
        rig_fetch(&rig, &request, &got);
        CHECK(got.outcome.status != ST_OK);
        CHECK(strstr(got.outcome.text, "pass-word") == NULL);
        CHECK(strstr(got.outcome.text, "very-s") == NULL);
        got_clear(&got);
    }
    close_secrets();
    unsetenv("all_proxy");
    rig_close(&rig);
}

TEST(certificates_to_trust_come_from_the_environment)
{
    static const char *const NAMES[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < 2; i++) {
        Rig rig;
        Raw raw;
        Got got;
        setenv(NAMES[i], "/nonexistent/certificates.pem", 1);
        rig_open(&rig, NULL, NULL);
        unsetenv(NAMES[i]);
        raw_open(&raw, rig.loop, "https", STR(""), false);
        HttpRequest request = get(raw.url);
        rig_fetch(&rig, &request, &got);
        CHECK_INT(got.outcome.status, ST_INVALID);
        CHECK(strstr(got.outcome.text, "/nonexistent/certificates.pem") != NULL);
        got_clear(&got);
        raw_close(&raw);
        rig_close(&rig);
    }
}

int main(void) { return rig_run(); }
