-- For luacheck, from the top of the tree.
std = "lua54"
max_line_length = 100
files["tests"] = { max_line_length = false } -- rows of a table of tests stay whole
files["lua/meta"] = { ignore = { "1..", "2.." } } -- stubs declare globals and use nothing
files["lua/lib"] = { read_globals = { "entry", "line_of" } } -- the host gives it to the library only
exclude_files = { "tests/scenarios/routing-syntax" } -- broken on purpose
