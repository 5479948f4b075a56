--- Text as tools and verbs need it: lines, cuts that say what is missing, suggestions, valid UTF-8.
--- Pure. Lengths are bytes unless a name says otherwise.
local text = {}

local REPLACEMENT <const> = "\u{FFFD}"
local NAME_MOST   <const> = 64  -- bytes of a name that `nearest` looks at; its cost is quadratic
local NOTE_ROOM   <const> = 80  -- bytes kept free for the note of a cut

--- Splits into lines without their ends ("\n" or "\r\n"). A last line without an end counts.
---@param s string
---@return string[] lines
function text.lines(s)
  local lines, at = {}, 1
  while at <= #s do
    local stop = s:find("\n", at, true) or #s + 1
    local last = s:byte(stop - 1) == 13 and stop - 2 or stop - 1
    lines[#lines + 1] = s:sub(at, math.max(last, at - 1))
    at = stop + 1
  end
  return lines
end

--- The first line that is not blank, without blanks around it.
---@param s string
---@return string line
function text.first_line(s)
  return text.trim(s:match("[^\r\n]*%S[^\r\n]*") or "")
end

---@param s string
---@return string trimmed without blanks at both ends
function text.trim(s)
  local from = s:find("%S")
  if not from then return "" end
  local to = #s -- by hand: `%s*$` costs the square of a run of blanks
  while s:find("^%s", to) do to = to - 1 end
  return s:sub(from, to)
end

--- Puts `by` before each line that is not empty.
---@param s  string
---@param by string
---@return string indented
function text.indent(s, by)
  return (s:gsub("[^\n]+", function(line) return by .. line end))
end

--- Lines of at most `width` characters, broken at blanks; a longer word stands alone. Line ends
--- in the text are kept.
---@param s     string
---@param width integer
---@return string[] lines
function text.wrap(s, width)
  local lines = {}
  for paragraph in (s .. "\n"):gmatch("([^\n]*)\n") do
    local line, len = "", 0
    for word in paragraph:gmatch("%S+") do
      local more = utf8.len(word) or #word
      if len > 0 and len + 1 + more > width then
        lines[#lines + 1], line, len = line, "", 0
      end
      line = len > 0 and line .. " " .. word or word
      len = len + more + (len > 0 and 1 or 0)
    end
    lines[#lines + 1] = line
  end
  return lines
end

--- How often `part` occurs, not overlapping.
---@param s    string
---@param part string not empty
---@return integer times
function text.count(s, part)
  if part == "" then error("text.count: part is empty", 2) end
  local times, at = 0, 1
  while true do
    local from, to = s:find(part, at, true)
    if not from then return times end
    times, at = times + 1, to + 1
  end
end

--- "1 line", "2 lines"; "entries" is given where an added s would be wrong.
---@param n         integer
---@param one       string
---@param several?  string
---@return string words
function text.plural(n, one, several)
  return ("%d %s"):format(n, n == 1 and one or several or one .. "s")
end

--- Keeps the first `most` lines and says how many are left out.
---@param s    string
---@param most integer
---@return string kept, integer missing lines
function text.keep_lines(s, most)
  local at, kept = 1, 0
  while kept < most do
    local stop = s:find("\n", at, true)
    if not stop then return s, 0 end
    at, kept = stop + 1, kept + 1
  end
  local rest = s:sub(at)
  if rest == "" then return s, 0 end
  local missing = text.count(rest, "\n") + (rest:byte(-1) == 10 and 0 or 1)
  return ("%s[... %s left out ...]")
    :format(s:sub(1, at - 1), text.plural(missing, "more line")), missing
end

--- The largest cut at or before byte `at` that splits no character.
local function char_boundary(s, at)
  while at > 0 and (s:byte(at + 1) or 0) & 0xC0 == 0x80 do at = at - 1 end
  return at
end

--- The first `most` bytes, or a few less so that no character is split. Says nothing about the
--- rest.
---@param s    string
---@param most integer
---@return string head
function text.cut_end(s, most)
  if #s <= most then return s end
  return s:sub(1, char_boundary(s, most))
end

--- Ends of the head and start of the tail: at line ends where one lies in the outer half of each.
local function cut_points(s, room)
  local head = char_boundary(s, room // 2)
  local half = s:sub(1, head)
  local line = half:match("^.*()\n")
  if line and line >= head // 2 then head = line end

  local tail = char_boundary(s, #s - (room - room // 2)) + 1
  local next_line = s:find("\n", tail, true)
  if next_line and next_line - tail < room // 4 then tail = next_line + 1 end
  return head, tail
end

--- Keeps head and tail of a text that is longer than `most`, with a line between them that says how
--- much is missing. Cuts at line ends where there are any near, never inside a character.
---@param s     string
---@param most  integer bytes of the answer, its note included; at least 200
---@param also? integer bytes that were already missing in the middle of `s`
---@return string kept, integer missing bytes
function text.cut_middle(s, most, also)
  also = also or 0
  if #s <= most then return s, also end
  local head, tail = cut_points(s, math.max(most, 200) - NOTE_ROOM)
  local missing = tail - head - 1 + also
  local lines = text.count(s:sub(head + 1, tail - 1), "\n")
  local note = lines > 1 and also == 0
    and ("[... %d bytes (%d lines) left out ...]"):format(missing, lines)
    or ("[... %d bytes left out ...]"):format(missing)
  local before = s:byte(head) == 10 and "" or "\n"
  return s:sub(1, head) .. before .. note .. "\n" .. s:sub(tail), missing
end

--- Valid UTF-8: what is not becomes U+FFFD, one for each wrong byte; NUL bytes too.
---@param s string
---@return string valid, integer wrong bytes
function text.valid(s)
  local parts, wrong, at = {}, 0, 1
  if s:find("\0", 1, true) then
    s, wrong = s:gsub("\0", REPLACEMENT)
  end
  while true do
    local length, bad = utf8.len(s, at)
    if length then break end
    parts[#parts + 1] = s:sub(at, bad - 1)
    parts[#parts + 1] = REPLACEMENT
    wrong, at = wrong + 1, bad + 1
    if at > #s then break end
  end
  if #parts == 0 then return s, wrong end
  parts[#parts + 1] = s:sub(at)
  return table.concat(parts), wrong
end

--- Edits between two short names: insert, delete, replace, swap of neighbours. Case does not count.
local function distance(a, b)
  a, b = a:sub(1, NAME_MOST):lower(), b:sub(1, NAME_MOST):lower()
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, last = last, row
  end
  return last[#b]
end

local function nearest_first(near, most)
  table.sort(near, function(a, b)
    if a.edits ~= b.edits then return a.edits < b.edits end
    return a.name < b.name
  end)
  local few = {}
  for i = 1, math.min(most or 3, #near) do few[i] = near[i].name end
  return few
end

--- Names that may have been meant, nearest first: few edits away, or one is a part of the other.
---@param name  string
---@param names string[]
---@param most? integer default 3
---@return string[] near
function text.nearest_few(name, names, most)
  local near = {}
  for _, candidate in ipairs(names) do
    local edits = distance(name, candidate)
    local part = #name >= 3 and #candidate >= 3
      and (candidate:lower():find(name:lower(), 1, true)
        or name:lower():find(candidate:lower(), 1, true))
    if edits <= math.max(1, math.min(#name, #candidate) // 3) or part then
      near[#near + 1] = { name = candidate, edits = edits }
    end
  end
  return nearest_first(near, most)
end

--- The run of words in `name` ("a-b-c") that is nearest to `part`, as edits.
local function edits_of_part(part, name)
  local wanted, words = text.count(part, "-") + 1, {}
  for word in name:gmatch("[^-]+") do words[#words + 1] = word end
  local best = distance(part, name)
  for i = 1, #words - wanted + 1 do
    best = math.min(best, distance(part, table.concat(words, "-", i, i + wanted - 1)))
  end
  return best
end

--- As `nearest_few`, for long names of several words of which people write a part: "bakend-senior"
--- is near "062-development-backend-senior-guardian".
---@param part  string
---@param names string[]
---@param most? integer default 3
---@return string[] near
function text.nearest_parts(part, names, most)
  local near = {}
  for _, name in ipairs(names) do
    local edits = edits_of_part(part, name)
    if edits <= math.max(1, #part // 3) then near[#near + 1] = { name = name, edits = edits } end
  end
  return nearest_first(near, most)
end

---@param name  string
---@param names string[]
---@return string? near nil when nothing is near
function text.nearest(name, names)
  return text.nearest_few(name, names, 1)[1]
end

--- The end of a sentence about an unknown name: `; did you mean "limit"?`, or nothing.
---@param name  string
---@param names string[]
---@return string words
function text.suggest(name, names)
  local near = text.nearest(name, names)
  return near and ('; did you mean "%s"?'):format(near) or ""
end

--- Whether a list holds a value.
---@param values any[]
---@param value  any
---@return boolean holds
function text.one_of(values, value)
  for _, known in ipairs(values) do
    if known == value then return true end
  end
  return false
end

--- Keys of a table as sorted strings: for messages, and for walks with one order.
---@param t table
---@return string[] keys
function text.sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

return text
