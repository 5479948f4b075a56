--- Finds text in files. Reads only; starts one `rg` in the sandbox.
local filename = require "lib.filename"
local glob     = require "lib.glob"
local schema   = require "lib.schema"
local search   = require "lib.search"
local text     = require "lib.text"

local LINE_MOST  <const> = 500   -- bytes of a line that are shown
local BYTES_MOST <const> = 30000 -- of the answer

--- What rg is told for each kind of answer, and what one row of it is called.
local ANSWERS <const> = {
  lines = { { "--line-number", "--no-heading", "--with-filename",
    "--max-columns=" .. LINE_MOST, "--max-columns-preview" }, "line" },
  files = { { "--files-with-matches" }, "file" },
  count = { { "--count", "--with-filename" }, "file" },
}

--- One row as it is shown; of a line around a match the signs are "-", as grep has it.
local function show_row(row, answer)
  local path = filename.shown(row.path)
  if answer == "files" then return path end
  local number, sign, line = row.rest:match("^(%d+)([:-])(.*)$")
  if not number then return path .. ":" .. row.rest end
  local plain = text.valid((line:gsub("\r$", "")))
  return path .. sign .. number .. sign .. plain, tonumber(number)
end

--- The first `limit` rows; where lines around a match are shown, "--" stands between places that do
--- not adjoin.
local function show(found, input)
  local lines, before, last = {}, nil, nil
  local shown = math.min(#found.rows, input.limit)
  for i = 1, shown do
    local row = found.rows[i]
    local line, number = show_row(row, input.answer)
    local adjoins = row.path == before and number and last and number <= last + 1
    if input.context > 0 and before and not adjoins then lines[#lines + 1] = "--" end
    lines[#lines + 1], before, last = line, row.path, number
  end
  local more = #found.rows - shown
  if more > 0 then
    lines[#lines + 1] = ("[... %s left out: narrow the pattern, or raise limit ...]"):format(
      text.plural(more, "more " .. (input.context > 0 and "" or "matching ")
        .. ANSWERS[input.answer][2]))
  end
  return text.cut_middle(table.concat(lines, "\n"), BYTES_MOST)
end

local function options_of(input)
  local options = table.move(ANSWERS[input.answer][1], 1, #ANSWERS[input.answer][1], 1, {})
  local function add(option) options[#options + 1] = option end
  if input.ignore_case then add "--ignore-case" end
  if input.literal then add "--fixed-strings" end
  if input.multiline then add "--multiline" add "--multiline-dotall" end
  if input.type then add("--type=" .. input.type) end
  if input.answer == "lines" and input.context > 0 then add("--context=" .. input.context) end
  return options
end

---@class tools.GrepInput
---@field pattern     string
---@field path        string
---@field glob        string?
---@field type        string?
---@field ignore_case boolean
---@field literal     boolean
---@field multiline   boolean
---@field context     integer
---@field answer      "lines"|"files"|"count"
---@field limit       integer

---@async
---@param input tools.GrepInput
---@param call  Call
---@return string? found, Error? err
local function grep(input, call)
  local path, err = search.below(filename.bytes(input.path), call.workspace)
  if not path then return nil, err end
  local globs, why
  if input.glob then
    globs, why = glob.rooted(input.glob, ".")
    if not globs then return nil, { code = "invalid", message = ("the glob %s"):format(why) } end
  end
  local found
  found, err = search.run({ options = options_of(input), pattern = input.pattern, path = path,
    globs = globs, only_paths = input.answer == "files" }, call)
  if not found then return nil, err end
  if #found.rows == 0 then return "No matches." .. search.notes(found) end
  return show(found, input) .. search.notes(found)
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
    { "type", schema.text { min = 1, max = 40, pattern = "^[%w_+-]+$" },
      "Only files of a kind that ripgrep knows, such as c, py, ts, rust.", optional = true },
    { "answer", schema.enum { "lines", "files", "count", default = "lines" },
      "lines; files: only their paths; count: lines that match in each file." },
    { "context", schema.integer { min = 0, max = 20, default = 0 },
      "Lines to show around each match." },
    { "ignore_case", schema.boolean { default = false }, "Upper and lower case are the same." },
    { "literal", schema.boolean { default = false }, "The pattern is plain text." },
    { "multiline", schema.boolean { default = false },
      "A match may span lines, and . fits line ends." },
    { "limit", schema.integer { min = 1, max = 2000, default = 200 }, "Most rows to answer." },
  },
  effect      = "read",
  needs       = { exec = { "rg" }, read = { "." } },
  timeout     = "20s",
  run         = grep,
}
