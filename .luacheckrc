-- For luacheck, from the top of the tree. Long lines: rows of a table of rules or tests stay whole.
std = "lua54"
max_line_length = false
files["lua/meta"] = { ignore = { "1..", "2.." } } -- stubs declare globals and use nothing
files["lua/lib"] = { read_globals = { "entry" } } -- the host gives it to the library only
exclude_files = { "tests/scenarios/routing-syntax" } -- broken on purpose
