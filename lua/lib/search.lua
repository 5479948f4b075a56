--- ripgrep in the sandbox, as `glob` and `grep` use it: below the workspace's root, sorted,
--- honouring .gitignore in folders that are no repository too, without the user's own ripgrep
--- settings.
local glob = require "lib.glob"
local text = require "lib.text"

local search = {}

local NOTHING_FOUND <const> = 1 -- rg's exit code when nothing matches
local MESSAGE_MOST  <const> = 600

local BASE <const> = { "rg", "--no-config", "--color=never", "--hidden", "--glob=!.git",
  "--no-require-git", "--sort=path", "--null" }

--- A path from the workspace's root, without "./" and a last "/"; "." is the root itself.
---@param path string as the model wrote it
---@param workspace string absolute
---@return string? relative, Error? err
function search.below(path, workspace)
  local rest = path
  if path:sub(1, 1) == "/" then
    if path ~= workspace and path:sub(1, #workspace + 1) ~= workspace .. "/" then
      return nil, { code = "denied",
        message = ("%s lies outside the workspace %s"):format(path, workspace) }
    end
    rest = path:sub(#workspace + 2)
  end
  local parts = {}
  for part in rest:gmatch("[^/]+") do
    if part == ".." then
      if #parts == 0 then
        return nil, { code = "denied",
          message = ("%s lies outside the workspace %s"):format(path, workspace) }
      end
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return #parts > 0 and table.concat(parts, "/") or "."
end

--- What rg complained about, as one short text without its name in front.
local function complaint(stderr)
  local words = text.trim(text.valid(stderr)):gsub("^rg: ", "")
  return text.cut_middle(words, MESSAGE_MOST)
end

--- Takes out the host's line about left out bytes, and the two halves of rows beside it.
local function without_halves(stdout, row_end)
  local from, to = stdout:find("\n?%[%.%.%. %d+ bytes left out %.%.%.%]\n")
  if not from then return stdout end
  local head = stdout:sub(1, from - 1):match("^.*" .. row_end) or ""
  local next_row = stdout:find(row_end, to + 1, true)
  return head .. (next_row and stdout:sub(next_row + 1) or "")
end

---@class search.Spec
---@field options string[]  rg's options for this search
---@field pattern? string   what to look for; without it rg lists files
---@field path    string    from the root, as `search.below` answers it
---@field globs?  string[]  as `glob.rooted` answers them
---@field only_paths? boolean the options make rg answer paths without lines

---@class search.Found
---@field rows    { path: string, rest: string }[]  rest: what follows the path on its line
---@field dropped integer  bytes that the host did not keep
---@field warning? string  what could not be searched

--- Runs ripgrep. Nothing found is an empty list of rows.
---@async
---@param spec search.Spec
---@param call Call
---@return search.Found? found, Error? err
function search.run(spec, call)
  local argv = table.move(BASE, 1, #BASE, 1, {})
  table.move(spec.options, 1, #spec.options, #argv + 1, argv)
  local fits
  if spec.globs then
    fits = glob.matcher(spec.globs)
    argv[#argv + 1] = "--ignore-file=/proc/self/fd/0"
    argv.stdin = glob.ignore_file(spec.globs)
  end
  if spec.pattern then argv[#argv + 1] = "--regexp=" .. spec.pattern end
  argv[#argv + 1] = "--"
  -- Named, or rg would search its stdin:
  argv[#argv + 1] = "./" .. (spec.path == "." and "" or spec.path)

  local done, err = call.exec(argv)
  if not done and err.code == "not_found" then
    return nil, { code = "unavailable", message = "ripgrep (rg) is not installed where commands "
      .. "see it (/usr/bin); install it (Debian: ripgrep), or search with grep and find in bash" }
  end
  if not done then return nil, err end
  if done.exit_code == nil or done.exit_code > NOTHING_FOUND and done.stdout == "" then
    if done.limit then
      return nil, { code = "limit", message = ("the search was stopped by its %s limit; "
        .. "search a smaller folder"):format(done.limit) }
    end
    local code = done.stderr:find("os error 2", 1, true) and "not_found" or "invalid"
    return nil, { code = code, message = complaint(done.stderr) }
  end

  local rows = {}
  local files = spec.pattern == nil or spec.only_paths == true
  local dropped = done.stdout_dropped or 0
  local stdout = dropped > 0 and without_halves(done.stdout, files and "\0" or "\n") or done.stdout
  for _, row in ipairs(search.rows(stdout, files)) do
    -- A "!" line in .gitignore lets others in.
    if not fits or fits(row.path) then rows[#rows + 1] = row end
  end
  local warning = done.exit_code > NOTHING_FOUND and complaint(done.stderr) or nil
  return { rows = rows, dropped = dropped, warning = warning }
end

--- Splits what rg wrote with --null: "./path NUL" for each file, "./path NUL rest" for each line. A
--- path may hold a line end; "--" between the lines around two matches is no row.
---@param stdout string
---@param files  boolean only paths
---@return { path: string, rest: string }[] rows
function search.rows(stdout, files)
  local rows, at = {}, 1
  while true do
    local nul = stdout:find("\0", at, true)
    if not nul then return rows end
    local path = stdout:sub(at, nul - 1)
    if not files then path = path:gsub("^%-%-\n", "") end
    local stop = files and nul + 1 or stdout:find("\n", nul + 1, true) or #stdout + 1
    path = path:gsub("^%./", "")
    rows[#rows + 1] = { path = path, rest = files and "" or stdout:sub(nul + 1, stop - 1) }
    at = files and nul + 1 or stop + 1
  end
end

--- What a person and a model should know about a search that did not show everything.
---@param found search.Found
---@return string notes lines that begin with a line end, or ""
function search.notes(found)
  local notes = ""
  if found.dropped > 0 then
    notes = notes .. ("\n[%d bytes of results were left out: search a smaller folder]")
      :format(found.dropped)
  end
  if found.warning then
    notes = notes .. "\n[not everything could be searched: " .. found.warning .. "]"
  end
  return notes
end

return search
