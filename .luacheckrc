-- luacheck: `luacheck .` from the top. Lua 5.4; lines to 120 columns in tables of rules and tests.
std = "lua54"
max_line_length = false
files["lua/meta"] = { ignore = { "111", "112", "113", "131", "211", "212", "241" } } -- stubs: no bodies
