--- Questions about a project's Lua, asked of a person that is played here: what each answer does.
local json  = require "lib.json"
local t     = require "lib.test"
local trust = require "lib.trust"

local ROOT <const> = "/home/me/proj"
local PLACE <const> = { root = ROOT, base = ROOT, agents = ROOT .. "/agents" }
local NOTHING <const> = { files = {}, hashes = {}, accepted = {}, unsettled = {} }

--- A host with files of a project (entry to hash), and a person who types `answers`.
local function host(files, answers, record)
  local cli = { error_terminal = true, asked = {}, admitted = nil, kept = {} }
  if record then
    cli.kept["/state/trust.json"] = json.encode {
      version = 1, folders = { [ROOT] = { mode = record.mode, files = record.files } } }
  end
  function cli.folders() return { state = "/state", current = ROOT } end
  function cli.state_folder() return "/state" end
  function cli.columns() return 200 end
  function cli.guard(path)
    if path:sub(1, 6) == "/state" and not cli.kept[path] then
      return nil, { code = "not_found", message = path }
    end
    return true
  end
  function cli.read_file(path) return cli.kept[path] end
  function cli.keep(path, was, now)
    if cli.kept[path] ~= was then return nil, { code = "invalid", message = "changed" } end
    cli.kept[path] = now
    return true
  end
  function cli.catalog() return {} end
  function cli.read_project()
    local list = {}
    for entry, hash in pairs(files) do
      local file = ROOT .. "/" .. entry
      list[#list + 1] = { entry = entry, file = file, real = file, hash = hash }
    end
    return list, cli.previous or {}
  end
  function cli.admit_project(verdicts) cli.admitted = verdicts end
  function cli.question(said)
    cli.asked[#cli.asked + 1] = said
    local answer = table.remove(answers, 1)
    if answer then return answer end
    return nil, { code = "timeout", message = "no answer" }
  end
  return cli
end

local function folders(cli)
  local kept = cli.kept["/state/trust.json"]
  return kept and json.decode(kept).folders or {}
end

local FILES <const> = { ["tools/a.lua"] = ("a"):rep(64), ["lua/policy.lua"] = ("b"):rep(64) }
local A <const> = ROOT .. "/tools/a.lua"
local POLICY <const> = ROOT .. "/lua/policy.lua"

t.test("always: the folder is trusted from then on", function()
  local cli = host(FILES, { "a" })
  local gate = trust.gate(cli, PLACE, NOTHING, { ask = true })
  t.equal(#cli.asked, 1)
  t.contains(cli.asked[1], "| lua/policy.lua\n  | tools/a.lua\n")
  t.equal(cli.admitted, { [A] = true, [POLICY] = true })
  t.equal(folders(cli)[ROOT].mode, "folder")
  t.equal({ gate.level, #gate.lines }, { "folder", 0 })
end)

t.test("once: loaded, and not remembered", function()
  local cli = host(FILES, { "once" })
  local gate = trust.gate(cli, PLACE, NOTHING, { ask = true })
  t.equal(cli.admitted, { [A] = true, [POLICY] = true })
  t.equal({ gate.level, next(folders(cli)) == nil }, { "once", true })
end)

t.test("no, an empty line, no answer: definitions only, with the line", function()
  for _, answers in ipairs { { "n" }, { "" }, {}, { "what", "is", "this" } } do
    local cli = host(FILES, answers)
    local gate = trust.gate(cli, PLACE, NOTHING, { ask = true })
    t.equal({ cli.admitted, gate.level, #gate.lines }, { {}, "none", 1 })
    t.contains(gate.lines[1], "perigee trust " .. ROOT)
    t.equal(folders(cli), {})
  end
end)

t.test("nobody is asked without a terminal, nor for a program", function()
  for _, how in ipairs { { ask = false }, { ask = true } } do
    local cli = host(FILES, { "a" })
    cli.error_terminal = how.ask and false
    t.equal(trust.gate(cli, PLACE, NOTHING, how).level, "none")
    t.equal(#cli.asked, 0)
  end
end)

t.test("a project without Lua is nothing to ask about", function()
  local cli = host({}, { "a" })
  t.equal(trust.gate(cli, PLACE, NOTHING, { ask = true }).lines, {})
  t.equal(#cli.asked, 0)
end)

local function pinned(answers)
  return host(FILES, answers,
    { mode = "pin", files = { [A] = ("c"):rep(64), [POLICY] = FILES["lua/policy.lua"] } })
end

t.test("a pinned file that changed asks; taken, its hash is remembered", function()
  local cli = pinned { "y" }
  local gate = trust.gate(cli, PLACE, NOTHING, { ask = true })
  t.contains(cli.asked[1], "it changed since it was pinned")
  t.equal({ cli.admitted[A], gate.stop }, { true })
  t.equal(folders(cli)[ROOT], { mode = "pin", files = { [A] = FILES["tools/a.lua"],
    [POLICY] = FILES["lua/policy.lua"] } })
end)

t.test("left out, it stands in the way of others, and the rest is loaded", function()
  local cli = pinned { "n" }
  local gate = trust.gate(cli, PLACE, NOTHING, { ask = true })
  t.contains(cli.admitted[A], "it changed since it was pinned")
  t.equal(cli.admitted[POLICY], true)
  t.equal({ gate.stop, gate.blocked["tools/a.lua"] ~= nil }, { nil, true })
end)

t.test("what a run wrote asks in a trusted folder too; a policy left out stops everything", function()
  local record = { mode = "folder", files = { [POLICY] = ("d"):rep(64) } }
  local known = { files = { [POLICY] = { kind = "file" } }, hashes = {}, accepted = {},
    unsettled = {} }
  local cli = host({ ["lua/policy.lua"] = FILES["lua/policy.lua"] }, { "n" }, record)
  local gate = trust.gate(cli, PLACE, known, { ask = true })
  t.contains(cli.asked[1], "a run wrote it")
  t.equal(gate.stop.code, "denied")
  cli = host({ ["lua/policy.lua"] = FILES["lua/policy.lua"] }, { "y" }, record)
  gate = trust.gate(cli, PLACE, known, { ask = true })
  t.equal({ gate.stop, cli.admitted[POLICY] }, { nil, true })
end)

t.test("a process that stays asks once for each text, unless the answer is kept elsewhere", function()
  local cli, answered = pinned { "n", "y", "n" }, {}
  local how = { ask = true, answered = answered }
  trust.gate(cli, PLACE, NOTHING, how)
  trust.gate(cli, PLACE, NOTHING, how)
  t.equal(#cli.asked, 1)
  cli = host(FILES, { "o", "a", "n" })
  t.equal(trust.gate(cli, PLACE, NOTHING, how).level, "once")
  t.equal(trust.gate(cli, PLACE, NOTHING, how).level, "once")
  t.equal(#cli.asked, 1)
  cli = host({ ["tools/a.lua"] = ("e"):rep(64) }, { "a", "n" })
  t.equal(trust.gate(cli, PLACE, NOTHING, how).level, "folder")
  t.truthy(trust.revoke(cli, ROOT))
  t.equal(trust.gate(cli, PLACE, NOTHING, how).level, "none")
  t.equal(#cli.asked, 2)
end)

t.test("what a process loaded before stays in place of what it must not load", function()
  local cli = pinned { "n" }
  cli.previous = { [A] = true, [POLICY] = true }
  local gate = trust.gate(cli, PLACE, NOTHING, { ask = true })
  t.equal({ cli.admitted[A], gate.loaded["tools/a.lua"], gate.blocked["tools/a.lua"] },
    { false, true, nil })
  t.contains(gate.lines[1], "the version from before stays in force")

  cli = host({}, {}, { mode = "pin", files = { [POLICY] = ("d"):rep(64) } })
  cli.previous = { [POLICY] = true }
  gate = trust.gate(cli, PLACE, NOTHING, { ask = false })
  t.equal({ cli.admitted[POLICY], gate.loaded["lua/policy.lua"], gate.stop }, { false, true, nil })
end)

t.test("a record that somebody else changes at the same time loses nothing", function()
  local cli = host(FILES, { "a" })
  local keep, first = cli.keep, true
  function cli.keep(path, was, now)
    if first then -- another process was faster
      first = false
      cli.kept[path] = json.encode { version = 1,
        folders = { ["/other"] = { mode = "pin", files = {} } } }
    end
    return keep(path, was, now)
  end
  trust.gate(cli, PLACE, NOTHING, { ask = true })
  t.equal(folders(cli)["/other"].mode, "pin")
  t.equal(folders(cli)[ROOT].mode, "folder")
end)

return t
