/* require "lib.address": what the client knows of addresses, for those who decide. */
#include "lib_guard.h"

#include "../http/host_rule.h"

/* address.inside(host) -> whether "127.0.0.1:80", "[::1]" and the like is an address that is not
 * public; false for names, and for what is no host. */
static int inside(lua_State *L)
{
    size_t      len;
    const char *text = luaL_checklstring(L, 1, &len);
    Host        host;
    uint16_t    port;
    Err         err;
    bool        read = host_read_port((Str){text, len}, 80, &host, &port, &err) == ST_OK;
    lua_pushboolean(L, read && host.is_literal && !address_is_public(&host.address));
    return 1;
}

int address_open(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, inside);
    lua_setfield(L, -2, "inside");
    return 1;
}
