--- What the wires of a rehearsal have in common; each wire is a lib/wire_NAME.lua of
---   base      what of the path belongs to the base URL ("" or "/v1"); `path` is the rest
---   read(body)       what a request gives: { system, first, results, tools, turn }; or nil, why
---   write(reply)     a reply as the text of an event stream
---   error(message)   an error as the value of an answer's body
--- Pure; runs where scenarios run.
local json = require "lib.json"

local wire = {}

wire.SIGNATURE = "rehearsed" -- of thinking, which a wire wants signed

local PIECE <const> = 24 -- bytes of a delta: several for a sentence, as real streams have

--- Pieces of `text` as a stream would have them, cut between code points.
---@param text string
---@return string[]
function wire.pieces(text)
  local list, from = {}, 1
  while from <= #text do
    local to = math.min(from + PIECE - 1, #text)
    while to < #text and text:byte(to + 1) & 0xC0 == 0x80 do to = to + 1 end
    list[#list + 1] = text:sub(from, to)
    from = to + 1
  end
  return list
end

local TEXTS <const> = { text = true, input_text = true, output_text = true }

--- The tables in a list from the wire; none when it is no list.
---@param list any
---@return table[]
function wire.tables(list)
  local found = {}
  for _, item in ipairs(type(list) == "table" and list or {}) do
    if type(item) == "table" then found[#found + 1] = item end
  end
  return found
end

--- The text of a content that is a text or a list of parts.
---@param content any
---@return string
function wire.text(content)
  if type(content) == "string" then return content end
  local texts = {}
  for _, block in ipairs(wire.tables(content)) do
    if TEXTS[block.type] then texts[#texts + 1] = tostring(block.text) end
  end
  return table.concat(texts, "\n")
end

--- One server-sent event.
---@param name   string?
---@param fields table pairs of a key and a value
---@return string
function wire.event(name, fields)
  local data = json.encode(json.object(fields))
  if not name then return ("data: %s\n\n"):format(data) end
  return ("event: %s\ndata: %s\n\n"):format(name, data)
end

return wire
