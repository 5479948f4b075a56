--- Globs as in .gitignore files and ripgrep: `*` and `?` stay inside one name, `**` spans folders,
--- [a-z], [!a-z] and {a,b}; a pattern without "/" fits a name in any folder. Pure.
local glob = {}

local EXPANDED_MOST <const> = 64 -- patterns that braces may make of one
local CHARACTER     <const> = "[\0-\x7F\xC2-\xFD][\x80-\xBF]*"

--- The first {..} that is neither escaped nor inside a set: its bounds and its parts.
local function first_braces(pattern)
  local depth, open, parts, from, in_set = 0, nil, {}, nil, false
  local i = 1
  while i <= #pattern do
    local char = pattern:sub(i, i)
    if char == "\\" then
      i = i + 1
    elseif in_set then
      in_set = char ~= "]"
    elseif char == "[" and pattern:find("]", i + 2, true) then
      in_set = true
    elseif char == "{" then
      depth = depth + 1
      if depth == 1 then open, from = i, i + 1 end
    elseif depth == 1 and (char == "," or char == "}") then
      parts[#parts + 1] = pattern:sub(from, i - 1)
      from = i + 1
      if char == "}" then return open, i, parts end
    elseif char == "}" and depth > 1 then
      depth = depth - 1
    end
    i = i + 1
  end
  return nil
end

--- All patterns that the braces stand for, in their order.
---@param pattern string
---@return string[]? patterns nil when there would be too many
---@return string? why
function glob.expand(pattern)
  local done, waiting = {}, { pattern }
  while #waiting > 0 do
    local first = table.remove(waiting, 1)
    local open, close, parts = first_braces(first)
    if not open then
      done[#done + 1] = first
    else
      for i, part in ipairs(parts) do
        table.insert(waiting, i, first:sub(1, open - 1) .. part .. first:sub(close + 1))
      end
    end
    if #done + #waiting > EXPANDED_MOST then
      return nil, ("its braces make more than %d patterns"):format(EXPANDED_MOST)
    end
  end
  return done
end

--- A path as text that a glob matches as it stands.
---@param path string
---@return string escaped
function glob.escape(path) return (path:gsub("[%*%?%[%]{}\\!#]", "\\%0")) end

--- A pattern given for a folder, as patterns from the workspace's root that begin with "/".
---@param pattern string
---@param folder  string relative; "." is the root
---@return string[]? rooted, string? why
function glob.rooted(pattern, folder)
  pattern = pattern:gsub("^%./+", "")
  if pattern == "" or pattern:find("\n", 1, true) then return nil, "is empty or has a line end" end
  local patterns, why = glob.expand(pattern)
  if not patterns then return nil, why end
  local before = folder == "." and "/" or "/" .. glob.escape(folder) .. "/"
  for i, one in ipairs(patterns) do
    for part in one:gmatch("[^/]+") do
      if part == ".." then return nil, "leaves the folder with .." end
    end
    one = one:gsub("/+", "/")
    if one:sub(-1) == "/" then one = one .. "**" end
    local anchored = one:find("/", 1, true)
    patterns[i] = before .. (anchored and "" or "**/") .. one:gsub("^/", "")
  end
  return patterns
end

--- Reads a set from its "[" on: a predicate for one character, and the place after "]".
local function read_set(part, at)
  local i, negated = at + 1, false
  local sign = part:sub(i, i)
  if sign == "!" or sign == "^" then negated, i = true, i + 1 end
  local ranges, first = {}, i
  while true do
    local char = part:match(CHARACTER, i)
    if not char or i > #part then return nil end -- no "]": then "[" is a character like others
    if char == "]" and i > first then break end
    if char == "\\" then i = i + 1; char = part:match(CHARACTER, i) or "\\" end
    i = i + #char
    local high = part:sub(i, i) == "-" and part:match(CHARACTER, i + 1)
    if high and high ~= "]" then i = i + 1 + #high else high = char end
    ranges[#ranges + 1] = { char, high }
  end
  return function(char)
    for _, range in ipairs(ranges) do
      if char >= range[1] and char <= range[2] then return not negated end
    end
    return negated
  end, i + 1
end

--- One name's pattern as a list of tests; "*" is the string itself.
local function compile_name(part)
  local tests, i = {}, 1
  while i <= #part do
    local char = part:match("^" .. CHARACTER, i) or part:sub(i, i)
    local set, after
    if char == "[" then set, after = read_set(part, i) end
    if set then
      tests[#tests + 1], i = set, after
    elseif char == "*" then
      if tests[#tests] ~= "*" then tests[#tests + 1] = "*" end
      i = i + 1
    elseif char == "?" then
      tests[#tests + 1], i = function() return true end, i + 1
    else
      if char == "\\" and i < #part then
        i = i + 1
        char = part:match("^" .. CHARACTER, i) or part:sub(i, i)
      end
      local literal = char
      tests[#tests + 1], i = function(c) return c == literal end, i + #char
    end
  end
  return tests
end

local function characters(name)
  local list = {}
  for char in name:gmatch(utf8.len(name) and CHARACTER or ".") do list[#list + 1] = char end
  return list
end

--- Whether a name fits. Goes back to the last star only, so the cost is the product of the lengths.
local function name_fits(tests, name)
  local chars = characters(name)
  local t, c, star, retry = 1, 1, nil, nil
  while c <= #chars do
    local test = tests[t]
    if test == "*" then
      star, retry, t = t, c, t + 1
    elseif test and test(chars[c]) then
      t, c = t + 1, c + 1
    elseif star then
      t, retry = star + 1, retry + 1
      c = retry
    else
      return false
    end
  end
  while tests[t] == "*" do t = t + 1 end
  return t > #tests
end

--- A test for a text that is no path: `*` and `?` stand for any characters, "/" among them.
---@param pattern string
---@return fun(said: string): boolean fits
function glob.text(pattern)
  local compiled = {}
  for i, one in ipairs(glob.expand(pattern) or {}) do compiled[i] = compile_name(one) end
  return function(said)
    for _, tests in ipairs(compiled) do
      if name_fits(tests, said) then return true end
    end
    return false
  end
end

local function compile(pattern)
  local parts = {}
  for part in pattern:gmatch("[^/]+") do
    if part ~= "**" then
      parts[#parts + 1] = compile_name(part)
    elseif parts[#parts] ~= "**" then
      parts[#parts + 1] = "**"
    end
  end
  return parts
end

--- Whether all of a path's names fit the parts; `open[i]` means parts before i fit what was seen.
local function path_fits(parts, path)
  local open = { [1] = true }
  local last = #parts
  for name in path:gmatch("[^/]+") do
    local after = {}
    for i = 1, last do
      local part = parts[i]
      if part == "**" and open[i] then open[i + 1] = i < last or open[i + 1] end -- may span nothing
      if open[i] and part == "**" then
        after[i] = true
        if i == last then after[last + 1] = true end -- a last ** takes one name at least
      elseif open[i] and name_fits(part, name) then
        after[i + 1] = true
      end
    end
    open = after
  end
  return open[last + 1] == true
end

--- A test for paths, from patterns as `glob.rooted` answers them.
---@param rooted string[]
---@return fun(path: string): boolean fits takes a path from the root, without "./"
function glob.matcher(rooted)
  local compiled = {}
  for i, pattern in ipairs(rooted) do compiled[i] = compile(pattern) end
  return function(path)
    for _, parts in ipairs(compiled) do
      if path_fits(parts, path) then return true end
    end
    return false
  end
end

--- The patterns as an ignore file that leaves only files that fit. Given to ripgrep this way, and
--- not as --glob, .gitignore keeps the last word: a --glob that fits overrules it.
---@param rooted string[]
---@return string file
function glob.ignore_file(rooted)
  local lines = { "*", "!*/" }
  for _, pattern in ipairs(rooted) do
    lines[#lines + 1] = "!" .. pattern:gsub(" $", "\\ ") -- a last blank would be dropped
  end
  return table.concat(lines, "\n") .. "\n"
end

return glob
