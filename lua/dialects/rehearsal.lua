--- The rehearsal model as a dialect: there is no wire, so events come from a reply that is whole
--- (lib/rehearsal.lua). Text comes in pieces all the same, so that whoever watches sees it stream.
local json = require "lib.json"
local wire = require "lib.wire"

local dialect = { name = "rehearsal" }

--- One message as JSON, in our own form.
---@param message Message
---@return string
function dialect.encode(message) return json.encode(message) end

--- The events that a stream of `reply` would have made.
---@param reply Reply
---@return DialectEvent[]
function dialect.events(reply)
  local events = {}
  for _, block in ipairs(reply.content) do
    if block.type == "call" then
      events[#events + 1] = { kind = "call", id = block.id, name = block.name, input = block.input }
    else
      for _, piece in ipairs(wire.pieces(block.text)) do
        events[#events + 1] = { kind = block.type, text = piece }
      end
    end
  end
  if reply.usage then events[#events + 1] = { kind = "usage", usage = reply.usage } end
  events[#events + 1] = { kind = "stop", stop = reply.stop, stop_raw = reply.stop_raw }
  return events
end

return dialect
