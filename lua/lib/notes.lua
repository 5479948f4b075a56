--- What a project says to whoever works in it: its AGENTS.md, else its CLAUDE.md. A stranger's
--- words: they are bounded, shown to the model as notes, and no link leads them anywhere else.
local text = require "lib.text"

local notes = {}

local NAMES <const> = { "AGENTS.md", "CLAUDE.md" }
local READ_MOST  <const> = 256 * 1024
local SHOWN_MOST <const> = 16000 -- bytes that a model is shown; the middle is left out

---@class notes.Notes
---@field file string its name
---@field text string valid UTF-8

--- The file that is read for a name: one of these names too, and in the folder. Else why not.
local function real_of(cli, folder, name)
  local path = folder .. "/" .. name
  local info, base = cli.stat(path), cli.stat(folder)
  if not info or not base then return nil end
  local file = info.real:match("([^/]*)$")
  local inside = info.real:sub(1, #base.real + 1) == base.real .. "/"
  if info.kind == "file" and inside and text.one_of(NAMES, file) then return info.real end
  return nil, path .. ": it is no file of the project by that name, and is not read"
end

--- The notes of the first folder that has some.
---@param cli     table
---@param folders string[]
---@return notes.Notes? found, string? why what stands there is not read
function notes.read(cli, folders)
  for _, folder in ipairs(folders) do
    for _, name in ipairs(NAMES) do
      local path, why = real_of(cli, folder, name)
      if why then return nil, why end
      if path then
        local said, err = cli.read_file(path, READ_MOST)
        if not said then return nil, ("%s is not read: %s"):format(path, err.message) end
        said = text.trim((text.valid(said)))
        if said == "" then return nil end
        return { file = name, text = text.cut_middle(said, SHOWN_MOST) }
      end
    end
  end
end

return notes
