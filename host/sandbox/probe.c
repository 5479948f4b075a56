/* Whether the sandbox works here is found by using it: what the kernel's settings promise and what
 * a container, a security module or a missing capability then allow are different things. */
#include "probe_memory.h"
#include "process.h"

#include "../base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Probe {
    Space         *space;  /* owned */
    char          *helper; /* owned */
    char           folder[64];
    SandboxProbed *probed;
    void          *arg;
} Probe;

static void free_probe(Probe *probe)
{
    space_free(probe->space);
    rmdir(probe->folder);
    free(probe->helper);
    free(probe);
}

static void on_end(void *arg, SandboxResult *result)
{
    Probe         *probe = arg;
    SandboxProbed *probed = probe->probed;
    void          *probed_arg = probe->arg;
    Err            outcome = result->err;
    if (outcome.status == ST_OK && result->exit_code != 0)
        err_set(&outcome, ST_UNAVAILABLE, "sandbox: /bin/true ended with %d", result->exit_code);
    if (outcome.status == ST_OK)
        probe_remember(probe->helper);
    else
        probe_forget();
    free_probe(probe);
    probed(probed_arg, &outcome);
}

Status sandbox_probe(Loop *loop, const char *helper, SandboxProbed *probed, void *arg, Err *err)
{
    static const char *const argv[] = {"/bin/true", NULL};
    ExecSpec                 spec = {.argv = argv, .writes = true};
    ExecEvents               events = {.on_end = on_end};
    SandboxExec             *exec;
    Probe                   *probe = mem_new(sizeof *probe);
    probe->probed = probed;
    probe->arg = arg;
    snprintf(probe->folder, sizeof probe->folder, "/tmp/perigee-probe-XXXXXX");
    if (!mkdtemp(probe->folder)) {
        free(probe);
        return err_set(err, ST_IO, "probe: folder in /tmp: %s", strerror(errno));
    }
    probe->helper = mem_text(helper);
    SpaceSpec space = {.workspace = probe->folder, .helper = helper};
    Status    status = space_new(loop, &space, &probe->space, err);
    if (status == ST_OK) status = exec_begin(probe->space, &spec, &events, probe, &exec, err);
    if (status != ST_OK) free_probe(probe);
    return status;
}
