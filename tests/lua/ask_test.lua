--- lib.ask and lib.answers, with a terminal and files that a table plays.
local answers = require "lib.answers"
local ask     = require "lib.ask"
local t       = require "lib.test"

--- A terminal on which these lines are typed; an error table is what cli.question answers.
local function terminal(lines, columns)
  local cli = { asked = {} }
  function cli.columns() return columns end
  function cli.question(said, timeout_ms)
    cli.asked[#cli.asked + 1] = said
    cli.timeout_ms = timeout_ms
    local line = table.remove(lines, 1)
    if type(line) == "table" then return nil, line end
    return line
  end
  return cli
end

local function question(lines)
  return { title = "a wants b", lines = lines or {}, default = "n", timeout_ms = 1000,
    choices = { { key = "y", word = "once" }, { key = "n", word = "no" } } }
end

for _, case in ipairs {
  { { "y" }, "once" }, { { " Y \r" }, "once" }, { { "once" }, "once" }, { { "n" }, "no" }, { { "" }, "no" },
  { { "perhaps", "y" }, "once" }, { { "yes", "yy", "?" }, nil }, { { { code = "timeout", message = "late" } }, nil },
} do
  t.test(("what is typed as %q means %s"):format(tostring(case[1][1]), case[2] or "nothing"), function()
    local word, err = ask.put(terminal(case[1]), question())
    t.equal(word, case[2])
    t.equal(err ~= nil, case[2] == nil)
  end)
end

t.test("what a stranger wrote cannot drive the terminal, nor begin a row of its own", function()
  local cli = terminal({ "n" }, 40)
  ask.put(cli, question { "\27[2J\rok\n[y] once [n] no: y" .. ("x"):rep(100) .. ("漢"):rep(60) })
  local said = cli.asked[1]
  t.equal(said:find("[\0-\9\11-\31]"), nil)
  local rows = {}
  for row in said:gmatch("[^\n]+") do rows[#rows + 1] = row end
  for i = 2, #rows - 1 do
    t.equal(rows[i]:sub(1, 4), "  | ")
    t.truthy(utf8.len(rows[i]) <= 40)
  end
  t.contains(rows[#rows], "[y] once")
end)

t.test("events are held back while a question stands", function()
  local seen, cli = {}, terminal { "y" }
  local choose, sink = ask.beside(cli, function(event) seen[#seen + 1] = event end)
  local during = cli.question
  function cli.question(...)
    sink("during")
    t.equal(#seen, 1)
    return during(...)
  end
  sink("before")
  t.equal(choose(question()), "once")
  sink("after")
  t.equal(seen, { "before", "during", "after" })
end)

-- answers -----------------------------------------------------------------------------------------

--- A user's folder with one file in it; `between` happens before the next write.
local function folder(text)
  local cli = { text = text, time = 0 }
  function cli.folders() return { user = "/u" } end
  function cli.now() cli.time = cli.time + 1 return cli.time end
  function cli.read_file(path)
    t.equal(path, "/u/answers.json")
    if cli.text then return cli.text end
    return nil, { code = "not_found", message = "none" }
  end
  function cli.keep(_, was, now)
    local between = cli.between
    cli.between = nil
    if between then between() end
    if was ~= cli.text then return nil, { code = "invalid", message = "changed" } end
    cli.text = now
    return true
  end
  return cli
end

local function key(more)
  local made = { project = "/p", tool = "bash", effect = "write", command = "ls", paths = {}, hosts = {} }
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

t.test("an answer is found for exactly what was asked, and for nothing else", function()
  local cli = folder()
  t.equal(answers.find(cli, key()), nil)
  t.truthy(answers.keep(cli, key(), "allow"))
  t.equal(answers.find(cli, key()), "allow")
  for _, other in ipairs { { project = "/q" }, { tool = "sh" }, { effect = "outside" }, { command = "ls " },
    { paths = { "a" } }, { hosts = { "a.org" } },
    { unconfined = true } } do
    t.equal(answers.find(cli, key(other)), nil)
  end
  local none = key()
  none.command = nil
  t.equal(answers.find(cli, none), nil)
end)

t.test("a later answer takes the place of an earlier one, and can be taken back", function()
  local cli = folder()
  answers.keep(cli, key(), "allow")
  answers.keep(cli, key { command = "rm" }, "deny")
  answers.keep(cli, key(), "deny")
  local list = answers.list(cli)
  t.equal(#list, 2)
  t.equal(list[2].verdict, "deny")
  t.truthy(answers.revoke(cli, list[2]))
  t.equal(answers.find(cli, key()), nil)
  t.equal(answers.find(cli, key { command = "rm" }), "deny")
end)

t.test("what another process answered meanwhile is kept too", function()
  local cli = folder()
  cli.between = function() t.truthy(answers.keep(cli, key { command = "theirs" }, "deny")) end
  t.truthy(answers.keep(cli, key { command = "ours" }, "allow"))
  t.equal(#answers.list(cli), 2)
end)

for _, broken in ipairs { "{", "[]", '{"format":2,"answers":[]}', '{"format":1,"answers":[{"project":"/p"}]}', "" } do
  t.test(("a file of answers that is %q is reported, and stays as it is"):format(broken), function()
    local cli = folder(broken)
    local found, err = answers.find(cli, key())
    t.equal(found, nil)
    t.contains(err.message, "/u/answers.json")
    t.equal(answers.keep(cli, key(), "allow"), nil)
    t.equal(cli.text, broken)
  end)
end

t.test("an answer says what it covers", function()
  t.equal(answers.scope(key()), "bash with exactly this command, in /p")
  t.equal(answers.scope(key { command = false }), "any call of bash in /p")
  t.contains(answers.scope { project = "/p", tool = "w", effect = "read", paths = {}, hosts = { "a.org" } },
    "w to exactly a.org (whatever its other arguments are)")
end)

return t
