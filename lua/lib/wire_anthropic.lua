--- A rehearsal on the wire of the Messages API. What it holds to stands in lib/wire.lua.
local json = require "lib.json"
local wire = require "lib.wire"

local anthropic = { base = "", path = "/v1/messages" }

--- The results at the end of an anthropic conversation, named by the calls that they answer.
local function results_of(messages)
  local names, results = {}, {}
  for _, message in ipairs(messages) do
    if message.role == "assistant" then results = {} end -- only what follows the last one counts
    for _, block in ipairs(wire.tables(message.content)) do
      if block.type == "tool_use" then names[block.id or ""] = block.name end
      if block.type == "tool_result" then
        results[#results + 1] = {
          name = names[block.tool_use_id or ""] or "?", text = wire.text(block.content),
          error = block.is_error == true or nil,
        }
      end
    end
  end
  return results
end

---@param body string
---@return table? given, string? why
function anthropic.read(body)
  local request = json.decode(body)
  local messages = wire.tables(type(request) == "table" and request.messages)
  if #messages == 0 then return nil, "the body is no request of the Messages API" end
  local turn, tools = 1, {}
  for _, message in ipairs(messages) do
    if message.role == "assistant" then turn = turn + 1 end
  end
  for i, tool in ipairs(wire.tables(request.tools)) do tools[i] = tostring(tool.name) end
  return { system = wire.text(request.system), first = wire.text(messages[1].content),
    results = results_of(messages), tools = tools, turn = turn }
end

local function event(name, fields)
  table.insert(fields, 1, { "type", name })
  return wire.event(name, fields)
end

--- How a block begins on the anthropic wire, and its deltas as { type, field, text }.
local WIRE_BLOCKS <const> = {
  text = function(block)
    return { { "type", "text" }, { "text", "" } }, { { "text_delta", "text", block.text } }
  end,
  thinking = function(block)
    return { { "type", "thinking" }, { "thinking", "" }, { "signature", "" } },
      { { "thinking_delta", "thinking", block.text },
        { "signature_delta", "signature", wire.SIGNATURE } }
  end,
  call = function(block)
    return { { "type", "tool_use" }, { "id", block.id }, { "name", block.name }, { "input", {} } },
      { { "input_json_delta", "partial_json", block.input } }
  end,
}

---@param reply Reply
---@return string
function anthropic.write(reply)
  local usage = reply.usage or {} -- clients of this wire rely on numbers; none were used
  local out = { event("message_start", { { "message", json.object {
    { "id", reply.id }, { "type", "message" }, { "role", "assistant" }, { "model", reply.model },
    { "content", json.array {} }, { "stop_reason", json.null },
    { "usage", json.object { { "input_tokens", usage.input or 0 }, { "output_tokens", 0 } } },
  } } }) }
  for i, block in ipairs(reply.content) do
    local start, deltas = WIRE_BLOCKS[block.type](block)
    out[#out + 1] = event("content_block_start",
      { { "index", i - 1 }, { "content_block", json.object(start) } })
    for _, delta in ipairs(deltas) do
      for _, piece in ipairs(wire.pieces(delta[3])) do
        out[#out + 1] = event("content_block_delta", { { "index", i - 1 },
          { "delta", json.object { { "type", delta[1] }, { delta[2], piece } } } })
      end
    end
    out[#out + 1] = event("content_block_stop", { { "index", i - 1 } })
  end
  out[#out + 1] = event("message_delta", {
    { "delta", json.object {
      { "stop_reason", reply.stop_raw }, { "stop_sequence", json.null },
    } },
    { "usage", json.object { { "output_tokens", usage.output or 0 } } },
  })
  out[#out + 1] = event("message_stop", {})
  return table.concat(out)
end

---@param message string
---@return table
function anthropic.error(message)
  return json.object { { "type", "error" }, { "error", json.object {
    { "type", "invalid_request_error" }, { "message", message } } } }
end

return anthropic
