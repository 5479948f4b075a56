--- Replaces an exact text in a file. Keeps what the model does not see: mode, line ends, a byte
--- order mark, a missing last line end; bytes outside the replaced places stay as they are.
local schema = require "lib.schema"
local text   = require "lib.text"

local FILE_MOST       <const> = 4000000 -- bytes; a run VM has room for the copies an edit needs
local LINES_COMPARED  <const> = 20000   -- when looking for what may have been meant
local LINE_COMPARED   <const> = 300     -- bytes of each
local SIMILAR         <const> = 0.6     -- share of common letter pairs that makes a candidate
local CANDIDATES_MOST <const> = 3
local AROUND          <const> = 3        -- lines shown on both sides of a change
local BOM             <const> = "\xEF\xBB\xBF"

local function invalid(message) return nil, { code = "invalid", message = message } end

--- The text with LF line ends, and where in it a CR was taken out: before the LF at these places.
local function with_lf(bytes)
  if not bytes:find("\r\n", 1, true) then return bytes, {} end
  local taken, at, gone = {}, 1, 0
  while true do
    local cr = bytes:find("\r\n", at, true)
    if not cr then break end
    taken[#taken + 1] = cr - gone -- where the LF stands once the CRs so far are gone
    gone, at = gone + 1, cr + 2
  end
  return (bytes:gsub("\r\n", "\n")), taken
end

--- All places of `part`. Overlapping ones count where one place has to be meant; they are not
--- replaced.
local function places_of(s, part, overlapping)
  local places, at = {}, 1
  while true do
    local from, to = s:find(part, at, true)
    if not from then return places end
    places[#places + 1] = { from = from, to = to }
    at = overlapping and from + 1 or to + 1
  end
end

local function line_at(s, at) return text.count(s:sub(1, at - 1), "\n") + 1 end

--- Letter pairs of a line and how often each occurs.
local function pairs_of(line)
  local found, total = {}, 0
  for i = 1, #line - 1 do
    local pair = line:sub(i, i + 1)
    found[pair], total = (found[pair] or 0) + 1, total + 1
  end
  return found, total
end

--- How alike two lines are, from 0 to 1: twice the common letter pairs by all (Dice 1945).
local function likeness(wanted, wanted_total, line)
  local found, total = pairs_of(line)
  local common = 0
  for pair, times in pairs(found) do common = common + math.min(times, wanted[pair] or 0) end
  return wanted_total + total == 0 and 0 or 2 * common / (wanted_total + total)
end

--- Lines of the file that are most like the first line of what was looked for.
local function candidates(s, old)
  local first = text.first_line(old):sub(1, LINE_COMPARED)
  local wanted, wanted_total = pairs_of(first)
  local near = {}
  for number, line in ipairs(text.lines(s)) do
    if number > LINES_COMPARED then break end
    local alike = text.trim(line:sub(1, LINE_COMPARED))
    alike = alike == first and 1 or likeness(wanted, wanted_total, alike)
    if alike >= SIMILAR then near[#near + 1] = { number = number, line = line, alike = alike } end
  end
  table.sort(near, function(a, b)
    if a.alike ~= b.alike then return a.alike > b.alike end
    return a.number < b.number
  end)
  local shown = {}
  for i = 1, math.min(CANDIDATES_MOST, #near) do
    shown[i] = ("%6d\t%s"):format(near[i].number, text.cut_end(near[i].line, LINE_COMPARED))
  end
  return table.concat(shown, "\n")
end

local function not_found(path, s, old)
  local near = candidates(s, old)
  if near == "" then
    return invalid(("%s does not contain the text in old, nor a line like its first; "
      .. "read the file again"):format(path))
  end
  return invalid(("%s does not contain the text in old, which must fit to the last blank. "
    .. "Nearest to its first line:\n%s"):format(path, text.valid(near)))
end

local function ambiguous(path, s, places)
  local lines = {}
  for i = 1, math.min(#places, 10) do lines[i] = line_at(s, places[i].from) end
  return invalid(("%s contains the text in old %d times (lines %s%s); give more of the text "
    .. "around the place, or set all"):format(
      path, #places, table.concat(lines, ", "), #places > 10 and ", ..." or ""))
end

--- Finds what is to be replaced, in text with LF ends. Answers the places, and `new` as it fits
--- there.
local function choose(path, s, old, new, all)
  local places = places_of(s, old, not all)
  if #places == 0 and old:sub(-1) == "\n" and s:sub(-1) ~= "\n" and old ~= "\n"
    and s:sub(-(#old - 1)) == old:sub(1, -2) then -- the file ends in it, without the last line end
    return { { from = #s - #old + 2, to = #s } }, (new:gsub("\n$", ""))
  end
  if #places == 0 then return not_found(path, s, old) end
  if #places > 1 and not all then return ambiguous(path, s, places) end
  return places, new
end

--- Puts `new` at the places of `s` and gives back the CRs: kept where nothing changed, and inside
--- `new` as the replaced text had them, else as most of the file has them.
local function replaced(s, taken, places, new)
  local _, line_ends = s:gsub("\n", "")
  local mostly_crlf = #taken * 2 > line_ends
  local parts, at, next_cr = {}, 1, 1
  local function keep(to)
    while taken[next_cr] and taken[next_cr] <= to do
      parts[#parts + 1] = s:sub(at, taken[next_cr] - 1) .. "\r"
      at, next_cr = taken[next_cr], next_cr + 1
    end
    parts[#parts + 1] = s:sub(at, to)
  end
  for _, place in ipairs(places) do
    keep(place.from - 1)
    local before = next_cr
    while taken[next_cr] and taken[next_cr] <= place.to do next_cr = next_cr + 1 end
    local had_lf = s:sub(place.from, place.to):find("\n", 1, true)
    local crlf = next_cr > before or not had_lf and mostly_crlf
    parts[#parts + 1] = crlf and new:gsub("\n", "\r\n") or new
    at = place.to + 1
  end
  keep(#s)
  return table.concat(parts)
end

--- The first change with lines around it, numbered as the file has them now.
local function show_change(s, from, new)
  local lines = text.lines(s)
  local first = line_at(s, from)
  local last = first + text.count(new, "\n")
  local shown = {}
  for i = math.max(1, first - AROUND), math.min(#lines, last + AROUND) do
    shown[#shown + 1] = ("%6d\t%s"):format(i, text.cut_end(lines[i], LINE_COMPARED))
  end
  return text.cut_middle(text.valid(table.concat(shown, "\n")), 4000)
end

--- The mark at the beginning, if there is one, and the rest.
local function without_bom(bytes)
  if bytes:sub(1, 3) ~= BOM then return "", bytes end
  return BOM, bytes:sub(4)
end

--- Reads the file for an edit. A look does not count as reading, so that a file which changed since
--- the model read it is refused; a file it never read is judged by the text it has to contain.
local function look(path, call)
  local bytes, info = call.read(path, { most = FILE_MOST, peek = true })
  if not bytes then return nil, info end
  if info.seen == false then
    return invalid(path .. " was changed since this run read it; read it again before editing")
  end
  if info.seen == nil then return call.read(path, { most = FILE_MOST }) end
  return bytes, info
end

---@async
---@param input { path: string, old: string, new: string, all: boolean }
---@param call  Call
---@return string? words, Error? err
local function edit(input, call)
  local bytes, info = look(input.path, call)
  if not bytes then return nil, info end
  local old, new = with_lf(input.old), with_lf(input.new)
  if old == new then return invalid("old and new are the same; nothing was changed") end

  local bom, rest = without_bom(bytes)
  local s, taken = with_lf(rest)
  local places, put = choose(input.path, s, old, new, input.all)
  if not places then return nil, put end

  local result = replaced(s, taken, places, put)
  local written, err = call.write(input.path, bom .. result, { expect = "seen" })
  if not written and err.code == "invalid" then
    return invalid(input.path .. " was changed while it was edited; read it again")
  end
  if not written then return nil, err end
  return ("Replaced %s in %s.\n%s"):format(text.plural(#places, "place"), input.path,
    show_change((with_lf(result)), places[1].from, put))
end

return {
  description = "Replace a text in a file. old must be exactly as the file has it, blanks "
    .. "included, and occur once, unless all is set. Give enough lines around the place to make "
    .. "it unique. Line numbers of read are no part of the text.",
  input       = schema.object {
    { "path", schema.path(), "File inside the workspace." },
    { "old", schema.text { min = 1, max = 1000000 }, "The text to replace." },
    { "new", schema.text { max = 1000000 }, "What to put in its place; empty to delete." },
    { "all", schema.boolean { default = false }, "Replace every occurrence." },
  },
  effect      = "write",
  needs       = { read = { "." }, write = { "." } },
  timeout     = "30s",
  run         = edit,
}
