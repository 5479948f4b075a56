--- The tools that are in force: one file each in the layers' tools/, declared in the decision VM.
local text = require "lib.text"

local toolbox = {}

---@class toolbox.Box
---@field tools       table<string, tool.Declaration> with `entry` and `file`
---@field diagnostics { file: string, message: string }[]

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
---@return toolbox.Box
function toolbox.load(cli, folders)
  local names, box = {}, { tools = {}, diagnostics = {} }
  names_in(cli, folders.distribution .. "/tools", names)
  if folders.user then names_in(cli, folders.user .. "/tools", names) end
  for _, name in ipairs(text.sorted_keys(names)) do
    local path = ("tools/%s.lua"):format(name)
    local file = cli.locate(path)
    local declaration, err = cli.decide("lua/lib/decisions.lua", "tool", name, path)
    if declaration then
      declaration.entry, declaration.file = path, file
      declaration.origin = file:sub(1, #folders.distribution + 1) == folders.distribution .. "/" and "distribution" or "user"
      box.tools[name] = declaration
    else
      box.diagnostics[#box.diagnostics + 1] = { file = file or path, message = err and err.message or "it declares nothing" }
    end
  end
  return box
end

return toolbox
