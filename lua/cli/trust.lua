--- perigee trust: whose Lua may be loaded.
local args    = require "lib.args"
local json    = require "lib.json"
local project = require "lib.project"
local show    = require "lib.show"
local text    = require "lib.text"
local trust   = require "lib.trust"
local written = require "lib.written"

local SPEC <const> = {
  usage = "perigee trust DIR [--pin] | --list [--json] | --revoke DIR",
  about = "A project's Lua is code; it is loaded when you trust the folder. Takes what is there "
    .. "now, also what\nruns wrote. Later changes are loaded with a line; with --pin they are "
    .. "refused until you say so again.",
  positionals = { { "DIR", "a project's folder", optional = true } },
  options = {
    { "--pin", "flag", "trust the files as they are, by their hashes" },
    { "--list", "flag", "show what is trusted, and what runs wrote that waits for your word" },
    { "--revoke", "text", "trust a folder no longer", hint = "DIR" },
    { "--json", "flag", "with --list: print one JSON object" },
  },
}

local failed = show.failure

local function line(cli, ...) cli.out(show.clean(string.format(...)) .. "\n") end

local function list(cli, values)
  local folders, err = trust.folders(cli)
  if not folders then return failed(cli, err) end
  local known = written.load(cli)
  local waiting = written.list(known)
  if values.json then
    local rows = json.array {}
    for i, folder in ipairs(text.sorted_keys(folders)) do
      rows[i] = { folder = folder, mode = folders[folder].mode, files = folders[folder].files }
    end
    cli.out(json.encode(json.object {
      { "folders", rows }, { "written", json.array(waiting) }, { "problem", known.broken },
    }) .. "\n")
    return 0
  end
  for _, folder in ipairs(text.sorted_keys(folders)) do
    local record = folders[folder]
    line(cli, "%s  %s, %s", folder, record.mode == "pin" and "pinned" or "the folder",
      text.plural(#text.sorted_keys(record.files), "Lua file"))
  end
  for _, one in ipairs(waiting) do line(cli, "waits for your word: %s (%s)", one.path, one.kind) end
  if known.broken then return failed(cli, { code = "invalid", message = known.broken }) end
  for _, one in ipairs(known.unsettled) do cli.err("perigee: " .. show.clean(one.why) .. "\n") end
  if not next(folders) then cli.err("perigee: no folder is trusted\n") end
  return 0
end

--- By its real path; a folder that is gone by the path as it was.
local function resolved(cli, dir)
  local info = cli.stat(dir)
  if info then return info.real, info.kind == "folder" end
  local path = dir:sub(1, 1) == "/" and dir or cli.folders().current .. "/" .. dir
  return (path:gsub("/+$", "")), false
end

local function revoke(cli, dir)
  local root = resolved(cli, dir)
  local was, err = trust.revoke(cli, root)
  if was == nil then return failed(cli, err) end
  if not was then
    return failed(cli, { code = "not_found",
      message = ("%s is not trusted; perigee trust --list shows what is"):format(root) })
  end
  line(cli, "%s is trusted no longer", root)
  return 0
end

local function say_accepted(cli, accepted)
  for _, path in ipairs(accepted) do line(cli, "accepted: %s", path) end
end

--- A folder that is no project can still hold what runs wrote.
local function accept_only(cli, root, known)
  local accepted, err = trust.accept(cli, root, nil, known)
  if not accepted then return failed(cli, err) end
  if #accepted == 0 then
    return failed(cli, { code = "not_found", message = root .. " is no project: it holds no "
      .. ".perigee folder and no agents" })
  end
  say_accepted(cli, accepted)
  return 0
end

local function add(cli, dir, values)
  local root, is_folder = resolved(cli, dir)
  if not is_folder then
    return failed(cli, { code = "not_found", message = dir .. ": no such folder" })
  end
  if root == cli.folders().distribution then
    cli.err("perigee: these are the program's own files; they need no trust\n")
    return 0
  end
  local known = written.load(cli)
  if known.broken then return failed(cli, { code = "invalid", message = known.broken }) end
  local place = project.at(cli, root)
  if not place then return accept_only(cli, root, known) end
  local done, err = trust.add(cli, place, known, values.pin and "pin" or "folder")
  if not done then return failed(cli, err) end
  for _, file in ipairs(done.files) do
    if file.problem then
      cli.err(show.clean(("perigee: not loaded: %s: %s\n"):format(file.file, file.problem)))
    else
      line(cli, "%s: %s", values.pin and "pinned" or "loaded from now on", file.file)
    end
  end
  say_accepted(cli, done.accepted)
  line(cli, "%s is trusted%s", root, values.pin and ", as it is now" or "")
  return 0
end

---@async
local function run(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return failed(cli, err, 2) end
  local values, dir = given.values, given.positionals[1]
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local asked = (values.list and 1 or 0) + (values.revoke and 1 or 0) + (dir and 1 or 0)
  if asked ~= 1 or values.pin and not dir or values.json and not values.list then
    return failed(cli, { message = "usage: " .. SPEC.usage }, 2)
  end
  if values.list then return list(cli, values) end
  if values.revoke then return revoke(cli, values.revoke) end
  return add(cli, dir, values)
end

return { usage = SPEC.usage, run = run }
