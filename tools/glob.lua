--- Finds files by their names. Reads only; starts one `rg` in the sandbox.
local filename = require "lib.filename"
local glob     = require "lib.glob"
local json     = require "lib.json"
local schema   = require "lib.schema"
local search   = require "lib.search"
local text     = require "lib.text"

local SHOWN_MOST <const> = 1000  -- paths
local BYTES_MOST <const> = 30000 -- of the answer

---@async
---@param input { pattern: string, path: string }
---@param call  Call
---@return ToolResult? found data = { paths, left_out }, Error? err
local function find(input, call)
  local folder, err = search.below(filename.bytes(input.path), call.workspace)
  if not folder then return nil, err end
  local globs, why = glob.rooted(input.pattern, folder)
  if not globs then return nil, { code = "invalid", message = ("the pattern %s"):format(why) } end

  local found
  found, err = search.run({ options = { "--files" }, path = folder, globs = globs }, call)
  if not found then return nil, err end
  if #found.rows == 0 then
    return { text = "No files match." .. search.notes(found),
      data = { paths = json.array {}, left_out = 0 } }
  end

  local paths = {}
  for i = 1, math.min(#found.rows, SHOWN_MOST) do paths[i] = filename.shown(found.rows[i].path) end
  local more = #found.rows - #paths
  local data = { paths = json.array(table.move(paths, 1, #paths, 1, {})), left_out = more }
  if more > 0 then
    paths[#paths + 1] = ("[... %s left out ...]"):format(text.plural(more, "more file"))
  end
  return { data = data,
    text = text.cut_middle(table.concat(paths, "\n"), BYTES_MOST) .. search.notes(found) }
end

return {
  description = "Find files by name. Answers paths from the workspace's root, sorted, one a line. "
    .. "Files that .gitignore names are left out. A pattern without \"/\" fits names in every "
    .. "folder.",
  input       = schema.object {
    { "pattern", schema.text { min = 1, max = 500 },
      "Glob: *.c, src/**/*.{ts,tsx}, **/test_?.py." },
    { "path", schema.path { default = "." }, "Folder to look in; the pattern counts from there." },
  },
  effect      = "read",
  needs       = { exec = { "rg" }, read = { "." } },
  timeout     = "20s",
  run         = find,
}
