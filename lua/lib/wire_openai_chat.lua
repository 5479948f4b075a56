--- A rehearsal on the wire of Chat Completions. What it holds to stands in lib/wire.lua.
local json   = require "lib.json"
local openai = require "lib.openai"
local wire   = require "lib.wire"

local chat = { base = "/v1", path = "/chat/completions" }

local FINISH <const> = { ["end"] = "stop", calls = "tool_calls" }

--- The results at the end of a conversation, named by the calls that they answer.
local function results_of(messages)
  local names, results = {}, {}
  for _, message in ipairs(messages) do
    if message.role == "assistant" then results = {} end
    for _, call in ipairs(wire.tables(message.tool_calls)) do
      local called = type(call["function"]) == "table" and call["function"] or {}
      names[call.id or ""] = called.name
    end
    if message.role == "tool" then
      local result = openai.read_result(wire.text(message.content))
      result.name = names[message.tool_call_id or ""] or "?"
      results[#results + 1] = result
    end
  end
  return results
end

---@param body string
---@return table? given, string? why
function chat.read(body)
  local request = json.decode(body)
  local messages = wire.tables(type(request) == "table" and request.messages)
  if #messages == 0 then return nil, "the body is no request of Chat Completions" end
  local given = { system = "", results = results_of(messages), tools = {}, turn = 1 }
  for _, message in ipairs(messages) do
    if message.role == "system" then given.system = wire.text(message.content) end
    if message.role == "user" then given.first = given.first or wire.text(message.content) end
    if message.role == "assistant" then given.turn = given.turn + 1 end
  end
  given.first = given.first or ""
  for i, tool in ipairs(wire.tables(request.tools)) do
    given.tools[i] = tostring(type(tool["function"]) == "table" and tool["function"].name)
  end
  return given
end

--- A call begins with its id and name; its arguments follow.
local function call_deltas(block, index)
  local deltas = { { { "index", index }, { "id", block.id }, { "type", "function" },
    { "function", json.object { { "name", block.name }, { "arguments", "" } } } } }
  for _, piece in ipairs(wire.pieces(block.input)) do
    deltas[#deltas + 1] = { { "index", index },
      { "function", json.object { { "arguments", piece } } } }
  end
  for i, delta in ipairs(deltas) do
    deltas[i] = json.object { { "tool_calls", json.array { json.object(delta) } } }
  end
  return deltas
end

local FIELDS <const> = { text = "content", thinking = "reasoning_content" }

---@param reply Reply
---@return string
function chat.write(reply)
  local out, calls = {}, 0
  local function chunk(choices, usage)
    out[#out + 1] = wire.event(nil, { { "id", reply.id }, { "object", "chat.completion.chunk" },
      { "created", 0 }, { "model", reply.model }, { "choices", json.array(choices) },
      { "usage", usage or json.null } })
  end
  local function choice(delta, finish)
    chunk { json.object { { "index", 0 }, { "delta", delta },
      { "finish_reason", finish or json.null } } }
  end
  choice(json.object { { "role", "assistant" }, { "content", "" } })
  for _, block in ipairs(reply.content) do
    if block.type == "call" then
      for _, delta in ipairs(call_deltas(block, calls)) do choice(delta) end
      calls = calls + 1
    else
      for _, piece in ipairs(wire.pieces(block.text)) do
        choice(json.object { { FIELDS[block.type], piece } })
      end
    end
  end
  choice(json.object {}, FINISH[reply.stop])
  local usage = reply.usage or {} -- clients of this wire rely on numbers; none were used
  local input, output = usage.input or 0, usage.output or 0
  chunk({}, json.object { { "prompt_tokens", input }, { "completion_tokens", output },
    { "total_tokens", input + output } })
  return table.concat(out) .. "data: [DONE]\n\n"
end

chat.error = openai.error

return chat
