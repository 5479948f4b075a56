--- The tools that are in force: one file each in the layers' tools/, declared in the decision VM.
local text = require "lib.text"

local toolbox = {}

---@class toolbox.Box
---@field tools       table<string, tool.Declaration> with `entry` and `file`
---@field diagnostics { file: string, line: integer?, message: string, name: string, err: Error? }[]

--- What is wrong with a file, and its line where the message begins with file and line.
local function diagnostic(path, file, err)
  local message = err and err.message or "it declares nothing"
  local rest = message:sub(1, #path + 1) == path .. ":" and message:sub(#path + 2)
  local line, after = (rest or ""):match("^(%d+): (.*)$")
  if line then return { file = file, line = math.tointeger(line), message = after } end
  return { file = file, message = rest and rest:gsub("^ ", "") or message }
end

--- A diagnostic as a line: "tools/x.lua:3: unexpected symbol".
---@param one { file: string, line: integer?, message: string }
---@return string said
function toolbox.say(one)
  return ("%s%s: %s"):format(one.file, one.line and ":" .. one.line or "", one.message)
end

local function names_in(cli, folder, found)
  for _, entry in ipairs(cli.list_folder(folder) or {}) do
    local name = not entry.folder and entry.name:match("^(.+)%.lua$")
    if name then found[name] = true end
  end
end

--- A file that cannot be used is reported; the others still work.
---@async
---@param cli     table
---@param folders table of project.find
---@param gate    trust.Gate what of the project is loaded; what was refused is not replaced
---@return toolbox.Box
function toolbox.load(cli, folders, gate)
  local names, box = {}, { tools = {}, diagnostics = {} }
  names_in(cli, folders.distribution .. "/tools", names)
  if folders.user then names_in(cli, folders.user .. "/tools", names) end
  local ours = {} -- that a project's tool would stand in for
  for name in pairs(names) do ours[name] = true end
  for entry in pairs(gate.loaded) do
    local name = entry:match("^tools/([^/]+)%.lua$")
    if name then names[name] = true end
  end
  for _, name in ipairs(text.sorted_keys(names)) do
    local path = ("tools/%s.lua"):format(name)
    local file, origin = cli.locate(path)
    file = file or folders.user .. "/" .. path -- a link that leads nowhere
    local declaration, err
    if not gate.blocked[path] then -- said already
      declaration, err = cli.decide("lua/lib/decisions.lua", "tool", name, path)
    end
    if declaration then
      declaration.entry, declaration.file, declaration.origin = path, file, origin
      declaration.shadows = origin == "project" and ours[name] or nil
      box.tools[name] = declaration
    elseif not gate.blocked[path] then
      local one = diagnostic(path, file, err)
      one.name, one.err = name, err
      box.diagnostics[#box.diagnostics + 1] = one
    end
  end
  return box
end

return toolbox
