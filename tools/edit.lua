--- Replaces exact texts in a file, one or several at once. Keeps what the model does not see: mode,
--- line ends, encoding, a byte order mark, a missing last line end; bytes outside the replaced
--- places stay as they are.
local diff     = require "lib.diff"
local encoding = require "lib.encoding"
local filename = require "lib.filename"
local known    = require "lib.known"
local schema   = require "lib.schema"
local text     = require "lib.text"

local FILE_MOST       <const> = 4000000 -- bytes; a run VM has room for the copies an edit needs
local LINES_COMPARED  <const> = 20000   -- when looking for what may have been meant
local LINE_COMPARED   <const> = 300     -- bytes of each
local SIMILAR         <const> = 0.6     -- share of common letter pairs that makes a candidate
local CANDIDATES_MOST <const> = 3
local AROUND          <const> = 3        -- lines shown on both sides of a change

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

---@class tools.Edit
---@field old string
---@field new string
---@field all boolean

--- One edit of a text with its CRs. Answers the text after it, how many places there were, and the
--- first of them with what stands there now, in text with LF ends.
---@param path string
---@param rest string
---@param one  tools.Edit
---@return string? result
---@return { places: integer, from: integer, put: string }|Error done
local function apply(path, rest, one)
  local old, new = with_lf(one.old), with_lf(one.new)
  if old == "" then return invalid("old is empty") end
  if old == new then return invalid("old and new are the same; nothing was changed") end
  local s, taken = with_lf(rest)
  local places, put = choose(path, s, old, new, one.all)
  if not places then return nil, put end
  return replaced(s, taken, places, put),
    { places = #places, from = places[1].from, put = put }
end

--- All edits, each on what the one before left. The first that fails fails all.
local function apply_all(path, rest, edits)
  local done
  for i, one in ipairs(edits) do
    local result
    result, done = apply(path, rest, one)
    if not result then
      if #edits > 1 then
        done.message = ("edit %d of %d: %s (none of the edits was made)"):format(i, #edits,
          done.message)
      end
      return nil, done
    end
    rest = result
  end
  return rest, done
end

--- The edits in one form, from either of the two that a call may have.
local function edits_of(input)
  if input.edits and (input.old or input.new or input.all) then
    return invalid("give either edits, or old and new")
  end
  if input.edits then return input.edits end
  if not input.old or not input.new then return invalid("old and new are missing, or edits") end
  return { { old = input.old, new = input.new, all = input.all or false } }
end

local function say(path, edits, done, result)
  if #edits > 1 then return ("Made %d edits in %s."):format(#edits, path) end
  return ("Replaced %s in %s.\n%s"):format(text.plural(done.places, "place"), path,
    show_change((with_lf(result)), done.from, done.put))
end

---@async
---@param input { path: string, old: string?, new: string?, all: boolean?, edits: tools.Edit[]? }
---@param call  Call
---@return { text: string, data: table? }? done, Error? err
local function edit(input, call)
  local edits, err = edits_of(input)
  if not edits then return nil, err end
  local path = filename.bytes(input.path)
  local bytes, info = known.open(input.path, path, call, FILE_MOST)
  if not bytes then return nil, info end
  local s, form = encoding.open(bytes)
  if not s then return invalid(("%s is no text: %s"):format(input.path, form)) end

  local result, done = apply_all(input.path, s, edits)
  if not result then return nil, done end
  -- A file that the run never read is known by the text that it had to contain.
  if info.seen == nil and not call.read(path, { most = FILE_MOST, expect = info.hash }) then
    return invalid(input.path .. " was changed while it was edited; nothing was written")
  end
  local written
  written, err = call.write(path, encoding.close(result, form), { expect = "seen" })
  if not written and err.code == "invalid" then
    return invalid(input.path .. " was changed while it was edited; read it again")
  end
  if not written then return nil, err end
  return { text = say(input.path, edits, done, result), data = diff.counts(s, result) }
end

local OLD <const> = schema.text { min = 1, max = 1000000 }
local NEW <const> = schema.text { max = 1000000 }

return {
  description = "Replace text in a file. old must be exactly as the file has it, blanks included, "
    .. "and occur once, unless all is set: give enough lines around the place. For several "
    .. "changes give edits: each is applied to what the one before left, all or none.",
  input       = schema.object {
    { "path", schema.path(), "File inside the workspace." },
    { "old", OLD, "The text to replace.", optional = true },
    { "new", NEW, "What to put in its place; empty to delete.", optional = true },
    { "all", schema.boolean {}, "Replace every occurrence.", optional = true },
    { "edits", schema.list { min = 1, max = 100, of = schema.object {
      { "old", OLD, "The text to replace." },
      { "new", NEW, "What to put in its place; empty to delete." },
      { "all", schema.boolean { default = false }, "Replace every occurrence." },
    } }, "Several changes at once, instead of old and new.", optional = true },
  },
  effect      = "write",
  needs       = { read = { "." }, write = { "." } },
  timeout     = "30s",
  run         = edit,
}
