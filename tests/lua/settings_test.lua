--- The four layers of settings: for each key what holds when a layer speaks.
local keys     = require "lib.settings_keys"
local settings = require "lib.settings"
local t        = require "lib.test"
local text     = require "lib.text"
local words_of = require "lib.settings_words"

local USER    <const> = "/u/config.yaml"
local PROJECT <const> = "/p/.perigee/config.yaml"

local EMPTY <const> = {} -- `[]`, since an empty table is an empty map here

--- A tree as `cli.yaml` answers it; every value stands one line further down.
local function tree(value, at)
  at.line = at.line + 1
  local node = { line = at.line, column = 3 }
  if type(value) ~= "table" then
    node.kind, node.text, node.quoted = "scalar", tostring(value), false
  elseif value == EMPTY or #value > 0 then
    node.kind = "list"
    for i, one in ipairs(value) do node[i] = tree(one, at) end
  else
    node.kind = "map"
    for _, key in ipairs(text.sorted_keys(value)) do
      local entry = tree(value[key], at)
      entry.key, entry.key_line, entry.key_column = key, entry.line, 1
      node[#node + 1] = entry
    end
  end
  return node
end

--- What `key` says as a file: { sandbox = { network = "proxy" } } of "sandbox.network".
local function file_of(said)
  local file = {}
  for key, value in pairs(said or {}) do
    local section, name = key:match("^(%l+)%.(.*)$")
    if section then
      file[section] = file[section] or {}
      file[section][name] = value
    else
      file[key] = value
    end
  end
  return file
end

local function cli_of(files)
  return {
    folders = function() return { user = "/u", distribution = "/d", home = "/home/ann" } end,
    guard = function() return true end,
    stat = function() return { kind = "folder" } end,
    list_folder = function() return {} end,
    read_file = function(path)
      if files[path] then return path end
      return nil, { code = "not_found", message = path }
    end,
    yaml = function(source) return tree(files[source] or source, { line = 0 }) end,
  }
end

local function load(user, project, given)
  local files = { [USER] = user and file_of(user), [PROJECT] = project and file_of(project) }
  return settings.load(cli_of(files), { root = "/p" }, given)
end

--- What holds of a key, by its name in the file.
local function value_of(found, name)
  for _, key in ipairs(keys.ALL) do
    if key[1] == name then
      local section = name:match("^(%l+)%.")
      if section then return found[section][key[2]] end
      return found[key[2]]
    end
  end
end

local function rules_in(rules)
  local said = {}
  for i, rule in ipairs(rules) do said[i] = rule.verdict .. " " .. rule.tool .. " " .. rule.file end
  return said
end

-- key, default, what the user says and means, a project that narrows and what holds, a project that
-- would widen, the command line and what it means
local CASES <const> = {
  { "sandbox.network", "none", user = { "proxy", "proxy" }, less = { "none", "none" },
    more = "host", line = { "host", "host" } },
  { "sandbox.hosts", {}, user = { { "PyPI.org", "*.npmjs.org", "a.b:8080" },
      { "pypi.org", "*.npmjs.org", "a.b:8080" } },
    less = { { "pypi.org", "www.npmjs.org" }, { "pypi.org", "www.npmjs.org" } },
    more = { "evil.org" }, wider = {}, line = { { "b.org" }, { "b.org" } } },
  { "sandbox.show", {}, user = { { "/opt//tools/", "~/sdk" }, { "/opt/tools", "/home/ann/sdk" } },
    more = { "/etc" }, line = { { "/srv" }, { "/srv" } } },
  { "sandbox.pass", {}, user = { { "LANG", "LANG", "A_1" }, { "LANG", "A_1" } },
    more = { "HOME" }, line = { { "TZ" }, { "TZ" } } },
  { "limits.time", 120000, user = { "90s", 90000 }, less = { "20s", 20000 }, more = "5m",
    line = { "9m", 540000 } },
  { "limits.time_most", 600000, user = { "5m", 300000 }, less = { "3m", 180000 }, more = "1h",
    line = { "2h", 7200000 } },
  { "limits.cpu", 120000, user = { "1h", 3600000 }, less = { "1s", 1000 }, more = "2h",
    line = { "3h", 10800000 } },
  { "limits.memory", 4096 << 20, user = { "8G", 8 << 30 }, less = { "512M", 512 << 20 },
    more = "9G", line = { "16G", 16 << 30 } },
  { "limits.processes", 512, user = { "1000", 1000 }, less = { "16", 16 }, more = "1001",
    line = { "2000", 2000 } },
  { "limits.file_size", 1 << 30, user = { "2G", 2 << 30 }, less = { "1M", 1 << 20 }, more = "3G",
    line = { "4G", 4 << 30 } },
  { "limits.output", 1 << 20, user = { "2M", 2 << 20 }, less = { "64K", 1 << 16 }, more = "3M",
    line = { "4M", 4 << 20 } },
  { "budget.turns", 100, user = { "200", 200 }, less = { "50", 50 }, more = "300",
    line = { "7", 7 } },
  { "budget.tokens", false, user = { "1000", 1000 }, less = { "10", 10 }, more = "none",
    line = { "none", false } },
  { "budget.usd", 5000000, user = { "1.50", 1500000 }, less = { "0.20", 200000 }, more = "9",
    line = { "10", 10000000 } },
  { "budget.on_reached", "ask", user = { "park", "park" }, more = "end", line = { "end", "end" } },
  { "stalls.first_byte", "retry", user = { "fail", "fail" }, more = "ask",
    line = { "ask", "ask" } },
  { "stalls.child", "fail", user = { "retry", "retry" }, more = "ask", line = { "ask", "ask" } },
  { "stalls.ask", "default", user = { "wait", "wait" }, more = "fail", line = { "fail", "fail" } },
  { "stalls.run", "fail", user = { "ask", "ask" }, more = "fail", line = { "fail", "fail" } },
  { "policy.wait_deadline", false, user = { "2d", 172800000 }, less = { "1h", 3600000 },
    more = "none", line = { "none", false } },
  { "context.full", 80, user = { "60%", 60 }, more = "70%", line = { "90 %", 90 } },
  { "context.left", 50, user = { "30%", 30 }, more = "20%", line = { "10%", 10 } },
  { "policy.unanswered", "wait", user = { "wait", "wait" }, less = { "refuse", "refuse" },
    line = { "refuse", "refuse" } },
  { "search.engine", "auto", user = { "brave", "brave" }, more = "mine", line = { "none", "none" } },
  { "provider.tools", {}, user = { { "web_fetch" }, { "web_fetch" } },
    more = { "code_execution" }, wider = {}, line = { { "code_execution" }, { "code_execution" } } },
  { "policy.ask_deadline", 300000, user = { "10m", 600000 }, less = { "1m", 60000 }, more = "1h",
    line = { "2h", 7200000 } },
}

for _, case in ipairs(CASES) do
  local key = case[1]
  t.test(key .. ": default, user, project and command line", function()
    local found = load()
    t.equal(value_of(found, key), case[2], "default")
    t.equal(found.origin[key], "default")

    local user = { [key] = case.user[1] }
    found = load(user)
    t.equal(value_of(found, key), case.user[2], "user")
    t.contains(found.origin[key], USER .. ":")

    if case.less then
      found = load(user, { [key] = case.less[1] })
      t.equal(value_of(found, key), case.less[2], "a project that narrows")
      t.contains(found.origin[key], PROJECT .. ":")
      t.equal(#found.warnings, 0)
    end

    if case.more then
      found = load(user, { [key] = case.more })
      t.equal(value_of(found, key), case.wider or case.user[2], "a project that would widen")
      t.equal(#found.warnings, 1)
      t.contains(found.warnings[1], PROJECT .. ":")
      t.contains(found.warnings[1], key)
    end

    found = load(user, case.less and { [key] = case.less[1] } or nil,
      { { key = key, value = case.line[1], said = "--option" } })
    t.equal(value_of(found, key), case.line[2], "the command line")
    t.equal(found.origin[key], "--option")
  end)
end

t.test("who refuses what nobody answers is not made to wait by a project", function()
  local found = load({ ["policy.unanswered"] = "refuse" }, { ["policy.unanswered"] = "wait" })
  t.equal(found.policy.unanswered, "refuse")
  t.contains(found.warnings[1], "wait is wider than the refuse in force")
end)

t.test("a project without a word from the user narrows the defaults", function()
  local found = load(nil, { ["limits.memory"] = "1G", ["sandbox.network"] = "none" })
  t.equal(found.limits.memory, 1 << 30)
  t.equal(#found.warnings, 0)
end)

t.test("rules: the user's, then a project's denials and questions; its permissions are told", function()
  local found = load(
    { ["policy.rules"] = { { deny = "bash", command = "git push*", why = "mine" },
      { allow = "web_fetch", host = "docs.python.org" } } },
    { ["policy.rules"] = { { allow = "*" }, { ask = "write" }, { deny = "edit", path = "x/**" } } })
  t.equal(rules_in(found.policy.rules), { "deny bash " .. USER, "allow web_fetch " .. USER,
    "ask write " .. PROJECT, "deny edit " .. PROJECT })
  t.equal(found.policy.rules[1].command, "git push*")
  t.equal(found.policy.rules[1].why, "mine")
  t.equal(#found.warnings, 1)
  t.contains(found.warnings[1], "allow rule")
end)

t.test("grants are the user's alone", function()
  local grants = { web_search = { net = { "api.search.brave.com" }, secrets = { "BRAVE_API_KEY" },
    read = { "/opt/data" }, write = EMPTY } }
  local found = load({ grants = grants }, { grants = { bash = { net = { "evil.org" } } } })
  t.equal(found.grants.web_search.net, { "api.search.brave.com" })
  t.equal(found.grants.web_search.secrets, { "BRAVE_API_KEY" })
  t.equal(found.grants.web_search.read, { "/opt/data" })
  t.equal(found.grants.bash, nil)
  t.contains(found.warnings[1], "only your own config.yaml")
  t.contains(found.origin["grants.web_search"], USER)
end)

t.test("the time of a command and the most that may be asked for stay in order", function()
  local found = load { ["limits.time"] = "20m" }
  t.equal(found.limits.time_most_ms, 1200000)
  found = load { ["limits.time_most"] = "30s" }
  t.equal(found.limits.time_ms, 30000)
  found = load(nil, { ["limits.time_most"] = "10s" })
  t.equal(found.limits.time_ms, 10000)
  found = load(nil, nil, { { key = "limits.time", value = 3600000, said = "--timeout" } })
  t.equal(found.limits.time_ms, 3600000)
  t.equal(found.limits.time_most_ms, 3600000)
  local none, err = load { ["context.full"] = "40%" }
  t.falsy(none)
  t.contains(err.message, "context.left is not less than context.full")
  t.truthy(load { ["context.full"] = "40%", ["context.left"] = "30%" })
  none, err = load { ["limits.time"] = "2m", ["limits.time_most"] = "1m" }
  t.equal(none, nil)
  t.contains(err.message, "longer than time_most")
end)

-- what is said, and what must be answered
local WRONG <const> = {
  { { ["limits.memry"] = "1G" }, 'did you mean "memory"' },
  { { limit = { time = "1s" } }, 'did you mean "limits"' },
  { { limits = "4G" }, "keys are expected below limits" },
  { { ["limits.time"] = "20" }, "has no unit" },
  { { ["limits.time"] = "0s" }, "not between" },
  { { ["limits.time"] = "8d" }, "not between" },
  { { ["limits.cpu"] = "500ms" }, "not between" },
  { { ["limits.memory"] = "lots" }, "is no size" },
  { { ["limits.memory"] = "100K" }, "not between" },
  { { ["limits.memory"] = { "1G" } }, "not a list" },
  { { ["limits.memory"] = "" }, "a value is missing" },
  { { ["limits.processes"] = "0" }, "not between" },
  { { ["limits.processes"] = "1.5" }, "no whole number" },
  { { ["limits.output"] = "1G" }, "not between" },
  { { ["sandbox.network"] = "prxy" }, 'did you mean "proxy"' },
  { { ["sandbox.network"] = "Host" }, 'did you mean "host"' },
  { { ["context.full"] = "0.8" }, "is no share; write 80%" },
  { { ["context.full"] = "10%" }, "is not between 20% and 95%" },
  { { ["context.full"] = "100%" }, "is no share" },
  { { ["sandbox.hosts"] = "pypi.org" }, "a list is expected" },
  { { ["sandbox.hosts"] = { "https://pypi.org/x" } }, "leave out https://" },
  { { ["sandbox.hosts"] = { "*" } }, "every host" },
  { { ["sandbox.hosts"] = { "a..b" } }, "is no host" },
  { { ["sandbox.hosts"] = { "*.*.org" } }, "or no host" },
  { { ["sandbox.hosts"] = { "*.org" } }, "too wide" },
  { { ["sandbox.hosts"] = { "*.1.2.3.4" } }, "or no host" },
  { { ["sandbox.hosts"] = { "a_b.org" } }, "is no host" },
  { { ["sandbox.hosts"] = { "a.org." } }, "is no host" },
  { { ["sandbox.hosts"] = { "2130706433" } }, "is no host" },
  { { ["sandbox.hosts"] = { "0x7f.1" } }, "is no host" },
  { { ["sandbox.hosts"] = { "127.1" } }, "is no host" },
  { { ["sandbox.hosts"] = { "127.0.0.01" } }, "is no host" },
  { { ["sandbox.hosts"] = { "127.0.0.256" } }, "is no host" },
  { { ["sandbox.hosts"] = { "[fe80::1%eth0]" } }, "is no host" },
  { { ["sandbox.hosts"] = { "user@a.org" } }, "is no host" },
  { { ["sandbox.hosts"] = { "a.org:0" } }, "port" },
  { { ["sandbox.hosts"] = { "a.org:70000" } }, "port" },
  { { ["sandbox.hosts"] = { ("a"):rep(64) .. ".org" } }, "is no host" },
  { { ["sandbox.hosts"] = { "a\n.org" } }, "control character" },
  { { ["sandbox.show"] = { "opt" } }, "is not absolute" },
  { { ["sandbox.show"] = { "/" } }, "whole" },
  { { ["sandbox.show"] = { "~" } }, "whole home" },
  { { ["sandbox.show"] = { "/home" } }, "whole home" },
  { { ["sandbox.show"] = { "/opt/../home" } }, ".." },
  { { ["sandbox.show"] = { "/proc/1" } }, "never shown" },
  { { ["sandbox.pass"] = { "A=B" } }, "no name of a variable" },
  { { ["policy.rules"] = { "bash" } }, "keys with values" },
  { { ["policy.rules"] = { { command = "x" } } }, "begins with one of deny" },
  { { ["policy.rules"] = { { deny = "a", allow = "b" } } }, "begins with one of deny" },
  { { ["policy.rules"] = { { deny = "bash", comand = "x" } } }, 'did you mean "command"' },
  { { ["policy.rules"] = { { deny = "x", effect = "inside" } } }, "is not one of read" },
  { { ["policy.rules"] = { { deny = "x", argument = { name = "url" } } } }, "both are needed" },
  { { ["policy.rules"] = { { deny = ("{a,b}"):rep(9) } } }, "braces" },
  { { grants = { ["Web-Search"] = { net = { "a.org" } } } }, "no tool's name" },
  { { grants = { web = { hosts = { "a.org" } } } }, "unknown key" },
  { { grants = { web = { read = { "." } } } }, "is not absolute" },
}

t.test("what is wrong in the user's file refuses, by file, line and column", function()
  for _, case in ipairs(WRONG) do
    local found, err = load(case[1])
    t.equal(found, nil, case[2])
    t.equal(err.code, "invalid")
    t.contains(err.message, case[2])
    t.truthy(err.message:match("^/u/config%.yaml:%d+:%d+: "), err.message)
  end
end)

t.test("what a project may have meant to narrow refuses as well", function()
  for _, case in ipairs(WRONG) do
    local found, err = load(nil, case[1])
    t.equal(found, nil, case[2])
    t.contains(err.message, PROJECT .. ":")
    t.contains(err.message, "nothing is run here until it is mended")
  end
end)

t.test("every problem of a file is found at once", function()
  local _, err = load { ["limits.time"] = "x", ["limits.cpu"] = "y", ["sandbox.network"] = "z" }
  t.equal(#err.details, 3)
  t.contains(err.message, "and 2 more problems")
end)

t.test("sections whose keys are commented out say nothing", function()
  local found = load { limits = "", grants = "", sandbox = "" }
  t.equal(found.limits.memory, 4096 << 20)
end)

t.test("options give keys; what is wrong with them names the option", function()
  local given = settings.given({ setting = { "limits.memory=8G", " sandbox.network =host" },
    network = "proxy", timeout = 5000 }, { ["--timeout"] = "limits.time" })
  local found = load(nil, nil, given)
  t.equal(found.limits.memory, 8 << 30)
  t.equal(found.limits.time_ms, 5000)
  t.equal(found.sandbox.network, "proxy")
  t.equal(found.origin["limits.memory"], "--setting limits.memory")
  t.equal(found.origin["limits.time"], "--timeout")

  for _, case in ipairs {
    { { setting = { "limits.memry=1G" } }, 'did you mean "limits.memory"' },
    { { setting = { "limits.memory" } }, "KEY=VALUE is expected" },
    { { setting = { "limits.memory=x" } }, "--setting limits.memory: " },
    { { network = "all" }, "--network: " },
  } do
    local none, err = load(nil, nil, settings.given(case[1]))
    t.equal(none, nil, case[2])
    t.contains(err.message, case[2])
  end
end)

t.test("a grant on the command line holds for its tool beside the others", function()
  local found = load({ grants = { a = { net = { "a.org" } } } }, nil,
    { { key = "grants.b", value = { net = { "b.org" } }, said = "--setting", yaml = true } })
  t.equal(found.grants.a.net, { "a.org" })
  t.equal(found.grants.b.net, { "b.org" })
end)

t.test("hosts of a project are kept as far as the user's cover them", function()
  local user = { ["sandbox.hosts"] = { "*.a.org", "b.org", "c.org:8080" } }
  for host, kept in pairs {
    ["x.a.org"] = true, ["x.y.a.org"] = true, ["*.x.a.org"] = true, ["*.a.org"] = true,
    ["a.org"] = false, ["xa.org"] = false, ["b.org"] = true, ["b.org:443"] = true,
    ["b.org:22"] = false, ["*.b.org"] = false, ["c.org"] = false, ["c.org:8080"] = true,
    ["c.org:443"] = false, ["B.ORG"] = true,
  } do
    local found = load(user, { ["sandbox.hosts"] = { host } })
    t.equal(#found.sandbox.hosts, kept and 1 or 0, host)
    t.equal(#found.warnings, kept and 0 or 1, host)
  end
end)

t.test("hosts are names, addresses and names below a domain", function()
  local hosts = { "localhost", "localhost:8080", "127.0.0.1:8080", "[::1]", "[::1]:80", "a-b.c1.org",
    "xn--bcher-kva.example", "*.npmjs.org", "1.2.3.4", "3com.com" }
  t.equal(load({ ["sandbox.hosts"] = hosts }).sandbox.hosts, hosts)
end)

t.test("a path to show that is not there is left out with a warning", function()
  local cli = cli_of { [USER] = file_of { ["sandbox.show"] = { "/opt/there", "/opt/gone" } } }
  cli.stat = function(path) return path == "/opt/there" and { kind = "folder" } or nil end
  local found = settings.load(cli)
  t.equal(found.sandbox.show, { "/opt/there" })
  t.equal(#found.warnings, 1)
  t.contains(found.warnings[1], "/opt/gone is not there")
end)

t.test("a file that cannot be read refuses; a link that leads nowhere does too", function()
  local cli = cli_of {}
  cli.read_file = function(path) return nil, { code = "io", message = path .. ": no" } end
  local found, err = settings.load(cli)
  t.equal(found, nil)
  t.equal(err.code, "io")

  cli = cli_of {}
  cli.list_folder = function() return { { name = "config.yaml" } } end
  found, err = settings.load(cli)
  t.equal(found, nil)
  t.contains(err.message, "leads nowhere")

  cli = cli_of { [USER] = {} }
  cli.guard = function(path) return nil, { code = "denied", message = path .. " is open" } end
  found, err = settings.load(cli)
  t.equal(found, nil)
  t.equal(err.code, "denied")
end)

t.test("every key stands in the table for people, with who set it", function()
  local found = load({ ["limits.memory"] = "1536M", grants = { x = { net = { "a.org" } } },
    ["policy.rules"] = { { deny = "bash", command = "git push*", why = "mine" } } })
  local rows = {}
  for _, row in ipairs(words_of.rows(found)) do rows[row.key] = row end
  t.equal(rows["limits.memory"].value, "1536M")
  t.contains(rows["limits.memory"].origin, USER)
  t.equal(rows["limits.time"].value, "2 min")
  t.equal(rows["grants.x"].value, "net a.org")
  t.equal(rows["policy.rules"].value, 'deny bash command="git push*" (mine)')
  for _, key in ipairs(keys.ALL) do
    t.truthy(rows[key[1]] or key[1] == "grants", key[1])
  end
end)

return t
