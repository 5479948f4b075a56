--- A rehearsal on the wire of the Responses API. What it holds to stands in lib/wire.lua.
local json   = require "lib.json"
local openai = require "lib.openai"
local wire   = require "lib.wire"

local responses = { base = "/v1", path = "/responses" }

local function is_models(item)
  return item.role == "assistant" or item.type == "reasoning" or item.type == "function_call"
end

---@param body string
---@return table? given, string? why
function responses.read(body)
  local request = json.decode(body)
  local items = wire.tables(type(request) == "table" and request.input)
  if #items == 0 then return nil, "the body is no request of the Responses API" end
  local given = { system = wire.text(request.instructions), results = {}, tools = {}, turn = 1 }
  local names, in_turn = {}, false
  for _, item in ipairs(items) do
    local own = is_models(item)
    if own and not in_turn then given.turn, given.results = given.turn + 1, {} end
    in_turn = own
    if item.type == "function_call" then names[item.call_id or ""] = item.name end
    if item.type == "function_call_output" then
      local result = openai.read_result(wire.text(item.output))
      result.name = names[item.call_id or ""] or "?"
      given.results[#given.results + 1] = result
    end
    if item.role == "developer" then given.system = wire.text(item.content) end
    if item.role == "user" then given.first = given.first or wire.text(item.content) end
  end
  given.first = given.first or ""
  for i, tool in ipairs(wire.tables(request.tools)) do given.tools[i] = tostring(tool.name) end
  return given
end

--- Of each kind of block: the item as it begins and as it ends, the event of its deltas, its text.
local ITEMS <const> = {
  text = function(block, id)
    local function item(status, content)
      return json.object { { "id", "msg_" .. id }, { "type", "message" }, { "status", status },
        { "role", "assistant" }, { "content", json.array(content) } }
    end
    return item("in_progress", {}), item("completed", { json.object { { "type", "output_text" },
      { "text", block.text }, { "annotations", json.array {} } } }), "output_text", block.text
  end,
  thinking = function(block, id)
    local function item(summary)
      return json.object { { "id", "rs_" .. id }, { "type", "reasoning" },
        { "encrypted_content", wire.SIGNATURE }, { "summary", json.array(summary) } }
    end
    return item {}, item { json.object { { "type", "summary_text" }, { "text", block.text } } },
      "reasoning_summary_text", block.text
  end,
  call = function(block, id)
    local function item(status, arguments)
      return json.object { { "id", "fc_" .. id }, { "type", "function_call" }, { "status", status },
        { "arguments", arguments }, { "call_id", block.id }, { "name", block.name } }
    end
    return item("in_progress", ""), item("completed", block.input), "function_call_arguments",
      block.input
  end,
}

---@param reply Reply
---@return string
function responses.write(reply)
  local out = {}
  local function event(name, fields)
    table.insert(fields, 1, { "type", "response." .. name })
    table.insert(fields, 2, { "sequence_number", #out })
    out[#out + 1] = wire.event("response." .. name, fields)
  end
  local function whole(status, usage)
    return { { "response", json.object { { "id", reply.id }, { "object", "response" },
      { "status", status }, { "model", reply.model }, { "usage", usage } } } }
  end
  event("created", whole("in_progress", json.null))
  for i, block in ipairs(reply.content) do
    local id = ("%s_%d"):format(reply.id, i)
    local first, last, delta, text = ITEMS[block.type](block, id)
    event("output_item.added", { { "output_index", i - 1 }, { "item", first } })
    for _, piece in ipairs(wire.pieces(text)) do
      event(delta .. ".delta", { { "output_index", i - 1 }, { "delta", piece } })
    end
    event("output_item.done", { { "output_index", i - 1 }, { "item", last } })
  end
  local usage = reply.usage or {} -- clients of this wire rely on numbers; none were used
  local input, output = usage.input or 0, usage.output or 0
  event("completed", whole("completed", json.object { { "input_tokens", input },
    { "output_tokens", output }, { "total_tokens", input + output } }))
  return table.concat(out)
end

responses.error = openai.error

return responses
