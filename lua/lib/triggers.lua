--- Does a reply say one of the agent's trigger phrases?
---
--- It counts as a whole line or a whole sentence, outside code and quotation. Case, blanks, the
--- kinds of dashes and quotes, emphasis and list marks do not matter: models retype such phrases,
--- they rarely copy them.
---
---   reply -> masked (code and quotations are \1, same length) -> plain + where (each byte's place)
local triggers = {}

local DASHES = {
  "\u{2010}", "\u{2011}", "\u{2012}", "\u{2013}", "\u{2014}", "\u{2015}", "\u{2212}",
}
local SIGNS = {
  ["\u{2018}"] = "'", ["\u{2019}"] = "'", ["\u{02BC}"] = "'",
  ["\u{201C}"] = '"', ["\u{201D}"] = '"',
  ["\u{201E}"] = '"', ["\u{2026}"] = ".", ["\u{A0}"] = " ", ["\u{202F}"] = " ", ["\u{2009}"] = " ",
}
for _, dash in ipairs(DASHES) do SIGNS[dash] = "-" end

local QUOTATIONS = {
  { '"', '"' }, { "\u{201C}", "\u{201D}" }, { "\u{201E}", "\u{201C}" }, { "\u{AB}", "\u{BB}" },
}

local MOST_REPLY = 1024 * 1024 -- bytes; what is longer is no model's reply and says nothing
local MOST_PLAIN = 200000 -- bytes at its end that are compared: handing over is how a reply closes

local function blank(text) return (text:gsub("[^\n]", "\1")) end

local function mask_quotations(text, open, close)
  local out, at = {}, 1
  while true do
    local from, inner = text:find(open, at, true)
    local _, to = text:find(close, (inner or #text) + 1, true)
    if not to then break end
    out[#out + 1] = text:sub(at, from - 1)
    out[#out + 1] = blank(text:sub(from, to))
    at = to + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

--- Inline code and quotations of one paragraph.
local function mask_paragraph(text)
  local out, at = {}, 1
  while true do -- a run of backticks ends at the next run of the same length
    local from, to, ticks = text:find("(`+)", at)
    if not from then break end
    local stop, search = nil, to + 1
    repeat
      local a, b = text:find("`+", search)
      if a and b - a + 1 == #ticks then stop = b end
      search = b and b + 1
    until stop or not a
    out[#out + 1] = text:sub(at, from - 1)
    out[#out + 1] = stop and blank(text:sub(from, stop)) or ticks
    at = (stop or to) + 1
  end
  out[#out + 1] = text:sub(at)
  text = table.concat(out)
  for _, marks in ipairs(QUOTATIONS) do text = mask_quotations(text, marks[1], marks[2]) end
  return text
end

--- The reply with code blocks and quoted lines masked, as lines with their offsets; paragraphs are
--- masked inside.
local function masked_lines(reply)
  local lines, offset, fence, listed, empty, coded = {}, 1, nil, false, true, false
  for line, stop in (reply .. "\n"):gmatch("([^\n]*)\n()") do
    local mark = line:match("^%s*(```+)") or line:match("^%s*(~~~+)")
    local hidden = fence ~= nil or line:find("^%s*>") ~= nil
    if fence then
      if mark and mark:sub(1, #fence) == fence and line:find("^%s*[`~]+%s*$") then fence = nil end
    elseif mark then
      fence, hidden = mark, true
    end
    local indented = line:find("^    ") or line:find("^ ? ? ?\t")
    coded = not listed and indented and (empty or coded) and line:find("%S") ~= nil
    if line:find("^%s*[-*+]%s") or line:find("^%s*%d+[.)]%s") then listed = true
    elseif line:find("^%S") then listed = false end
    empty = not line:find("%S")
    local shown = (hidden or coded) and blank(line) or line
    lines[#lines + 1] = { text = shown, at = offset, empty = empty }
    offset = stop
  end
  local from = 1
  for i = 1, #lines + 1 do
    if i > #lines or lines[i].empty then
      local part = {}
      for j = from, i - 1 do part[#part + 1] = lines[j].text end
      local text, j = mask_paragraph(table.concat(part, "\n")), from
      for line in (text .. "\n"):gmatch("([^\n]*)\n") do
        if j < i then lines[j].text = line end
        j = j + 1
      end
      from = i + 1
    end
  end
  return lines
end

--- Appends a line's plain form to `plain`, and each byte's offset to `where`. `joined` says that
--- the line before ended in a dash: nothing comes between.
local function add_plain(plain, where, text, offset)
  local at, pending = 1, nil -- pending: offset of blanks not yet written
  while at <= #text do
    local byte = text:byte(at)
    local len = byte < 0x80 and 1 or byte < 0xE0 and 2 or byte < 0xF0 and 3 or 4
    local sign = text:sub(at, at + len - 1)
    sign = (SIGNS[sign] or sign):lower()
    if sign:find("^%s$") then
      pending = pending or offset + at - 1
    elseif sign == "-" then
      pending = nil
      if plain[#plain] ~= "-" then plain[#plain + 1], where[#where + 1] = "-", offset + at - 1 end
    elseif sign ~= "*" then
      if pending and plain[#plain] ~= "-" and plain[#plain] ~= "\n" and #plain > 0 then
        plain[#plain + 1], where[#where + 1] = " ", pending
      end
      pending = nil
      for i = 1, #sign do
        plain[#plain + 1], where[#where + 1] = sign:sub(i, i), offset + at - 1
      end
    end
    at = at + len
  end
end

local function plain_of(lines)
  local plain, where, first = {}, {}, lines[#lines].at - MOST_PLAIN
  for at = 1, #lines do
    local line = lines[at]
    local text = line.at >= first and line.text or ""
    local skip = text:match("^%s*[-*+]%s+()") or text:match("^%s*%d+[.)]%s+()")
      or text:match("^%s*#+%s+()") or text:match("^%s*()")
    if #plain > 0 and (plain[#plain] ~= "-" or line.empty) then
      plain[#plain + 1], where[#where + 1] = "\n", line.at
    end
    add_plain(plain, where, text:sub(skip), line.at + skip - 1)
  end
  return table.concat(plain), where
end

local function plain_phrase(phrase)
  local plain = {}
  add_plain(plain, {}, (phrase:gsub("\n", " ")), 1)
  return (table.concat(plain):gsub("`", ""):gsub("[.!?:%s]+$", ""))
end

--- A sentence or a line begins at `from` and ends at `to`.
local function whole(plain, from, to)
  local before = plain:sub(math.max(1, from - 8), from - 1)
  local after = plain:sub(to + 1, to + 8)
  local begins = before == "" or before:find("\n$") or before:find("[.!?:][\"')%]]*%s$")
  local ends = after:find("^[.!?]*\n") or after:find("^[.!?]*$") or after:find("^[.!?]+%s")
  return begins and ends
end

--- All trigger edges whose phrase `reply` says, by where it says them.
---@param edges table[] those of kind "trigger" count
---@param reply string
---@return table[] { to, target, phrase, line, from, to_offset }; both offsets are in the match
function triggers.match(edges, reply)
  local found = {}
  if #reply > MOST_REPLY then return found end
  local plain, where, flat
  for order, edge in ipairs(edges) do
    local phrase = edge.kind == "trigger" and plain_phrase(edge.text) or ""
    if phrase ~= "" then
      if not plain then
        plain, where = plain_of(masked_lines(reply))
        flat = plain:gsub("\n", " ")
      end
      local from, to = flat:find(phrase, 1, true)
      while from do
        if whole(plain, from, to) then
          found[#found + 1] = {
            to = edge.to, target = edge.target, phrase = edge.text, line = edge.line,
            from = where[from], to_offset = where[to], order = order,
          }
        end
        from, to = flat:find(phrase, to + 1, true)
      end
    end
  end
  table.sort(found, function(a, b)
    if a.from ~= b.from then return a.from < b.from end
    return a.order < b.order
  end)
  return found
end

return triggers
