--- Finds text in files. Reads only; starts one `rg` in the sandbox.
local glob   = require "lib.glob"
local schema = require "lib.schema"
local search = require "lib.search"
local text   = require "lib.text"

local LINE_MOST  <const> = 500   -- bytes of a line that are shown
local BYTES_MOST <const> = 30000 -- of the answer

--- The first `limit` rows as path:line:text.
local function show(found, limit)
  local lines = {}
  for i = 1, math.min(#found.rows, limit) do
    local row = found.rows[i]
    lines[i] = text.valid(row.path .. ":" .. row.rest:gsub("\r$", ""))
  end
  local more = #found.rows - #lines
  if more > 0 then
    lines[#lines + 1] = ("[... %s left out: narrow the pattern, or raise limit ...]"):format(
      text.plural(more, "more matching line"))
  end
  return text.cut_middle(table.concat(lines, "\n"), BYTES_MOST)
end

---@class tools.GrepInput
---@field pattern     string
---@field path        string
---@field glob        string?
---@field ignore_case boolean
---@field limit       integer

---@async
---@param input tools.GrepInput
---@param call  Call
---@return string? found, Error? err
local function grep(input, call)
  local path, err = search.below(input.path, call.workspace)
  if not path then return nil, err end
  local globs, why
  if input.glob then
    globs, why = glob.rooted(input.glob, ".")
    if not globs then return nil, { code = "invalid", message = ("the glob %s"):format(why) } end
  end

  local options = { "--line-number", "--no-heading", "--with-filename",
    "--max-columns=" .. LINE_MOST, "--max-columns-preview" }
  if input.ignore_case then options[#options + 1] = "--ignore-case" end
  local found
  local spec = { options = options, pattern = input.pattern, path = path, globs = globs }
  found, err = search.run(spec, call)
  if not found then return nil, err end
  if #found.rows == 0 then return "No matches." .. search.notes(found) end
  return show(found, input.limit) .. search.notes(found)
end

return {
  description = "Find lines that match a regular expression. Answers path:line:text, sorted by "
    .. "path. Files that .gitignore names and binary files are left out; a file named by path is "
    .. "always searched.",
  input       = schema.object {
    { "pattern", schema.text { min = 1, max = 1000 },
      "Regular expression (Rust syntax), matched within a line." },
    { "path", schema.path { default = "." }, "Folder or file to search." },
    { "glob", schema.text { min = 1, max = 500 },
      "Only files that fit, such as *.c or src/**/*.ts.", optional = true },
    { "ignore_case", schema.boolean { default = false }, "Upper and lower case are the same." },
    { "limit", schema.integer { min = 1, max = 2000, default = 200 }, "Most lines to answer." },
  },
  effect      = "read",
  needs       = { exec = { "rg" }, read = { "." } },
  timeout     = "20s",
  run         = grep,
}
