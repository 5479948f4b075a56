--- The Responses API of OpenAI, streamed. Pure functions; the contract stands in README.md here.
--- Facts as read in openai 7.57.0 (npm, 2026-11-13): the types of resources/responses and the order
--- of events of lib/responses. Nothing is stored at the server: what the model reasoned comes
--- encrypted and goes back whole, as do its messages and the calls of the server's own tools.
--- Of what came since 6.49: the server says itself how many of its searches cost something
--- (`tool_usage`), and why its cache missed where it is asked (`prompt_cache_diagnostics`); an item
--- of reasoning counts as its `done` event has it, since what comes before may be half of it.
--- Events of shells and of compaction belong to tools that are not asked for; `async` and
--- `steered` to connections that stay open.
local json    = require "lib.json"
local openai  = require "lib.openai"
local reading = require "lib.reading"
local served  = require "lib.openai_served"

local responses = { name = "openai_responses", form = openai.FORM, serves = served.FORMS }

local INCOMPLETE <const> = { max_output_tokens = "length", content_filter = "refusal" }

--- Begins the id of a call of a custom tool, whose result has a form of its own.
local CUSTOM <const> = "custom-"

-- messages out ------------------------------------------------------------------------------------

local function is_ours(block) return reading.is_own(block, responses.name) end

local function result_output(block)
  if block.error or not block.images or #block.images == 0 then
    return json.encode(openai.result_text(block))
  end
  local parts = { ('{"type":"input_text","text":%s}'):format(json.encode(block.text)) }
  for _, image in ipairs(block.images) do
    parts[#parts + 1] =
      ('{"type":"input_image","detail":"auto","image_url":"data:%s;base64,%s"}')
        :format(image.media_type, image.data)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- The id of a call on the wire, and whether its tool is a custom one.
local function wire_id(id)
  if id:sub(1, #CUSTOM) == CUSTOM then return id:sub(#CUSTOM + 1), true end
  return id, false
end

--- The text of a custom call's input.
local function custom_input(input)
  local value = reading.object(json.decode(input)) or {}
  return reading.text(value.input) or ""
end

--- Each answers the block as an item of the input, or nil when it is not sent.
local ENCODERS <const> = {
  text = function(block, role)
    if is_ours(block) then return block.opaque end -- with its phase and its annotations
    if not block.text:find("%S") then return nil end
    return ('{"role":"%s","content":%s}'):format(role, json.encode(block.text))
  end,
  call = function(block)
    if is_ours(block) then return block.opaque end -- with who called
    local id, is_custom = wire_id(block.id)
    if is_custom then
      return ('{"type":"custom_tool_call","call_id":%s,"name":%s,"input":%s}'):format(
        json.encode(id), json.encode(block.name), json.encode(custom_input(block.input)))
    end
    return ('{"type":"function_call","call_id":%s,"name":%s,"arguments":%s}'):format(
      json.encode(id), json.encode(block.name), json.encode(reading.arguments(block.input)))
  end,
  result = function(block)
    local id, is_custom = wire_id(block.id)
    return ('{"type":"%s","call_id":%s,"output":%s}'):format(
      is_custom and "custom_tool_call_output" or "function_call_output",
      json.encode(id), result_output(block))
  end,
  thinking = function(block) return is_ours(block) and block.opaque or nil end,
  opaque = function(block) return is_ours(block) and block.opaque or nil end,
}

--- One message as JSON, to be kept: its items, joined by commas.
---@param message Message
---@return string
function responses.encode(message)
  local items = {}
  for _, block in ipairs(message.content) do
    items[#items + 1] = ENCODERS[block.type](block, message.role)
  end
  if #items == 0 then items[1] = ('{"role":"%s","content":"(nothing)"}'):format(message.role) end
  return table.concat(items, ",")
end

--- A tool without a schema takes free text: it is a custom one.
local function tools_json(tools)
  local parts = {}
  for i, tool in ipairs(tools) do
    local head = ('"name":%s,"description":%s')
      :format(json.encode(tool.name), json.encode(tool.description or ""))
    parts[i] = tool.server and served.FORMS[tool.name] or tool.schema
      and ('{"type":"function",%s,"parameters":%s,"strict":false}'):format(head, tool.schema)
      or ('{"type":"custom",%s}'):format(head)
  end
  return '"tools":[' .. table.concat(parts, ",") .. "]"
end

--- How it reasons. Only models that do take these fields, and the encrypted form is refused by
--- others. Without a summary they are silent for as long as they think.
local function reasoning(req, parts)
  local fields = {}
  local effort = req.thinking == "off" and "none" or req.effort
  if effort then fields[1] = '"effort":' .. json.encode(effort) end
  if req.thinking == "adaptive" then
    fields[#fields + 1] = '"summary":"auto"'
  end
  if #fields > 0 then parts[#parts + 1] = '"reasoning":{' .. table.concat(fields, ",") .. "}" end
end

--- What a reply holds only when it is asked for.
local function include(req, parts)
  local names = {}
  if req.thinking == "adaptive" then names[1] = '"reasoning.encrypted_content"' end
  for _, tool in ipairs(req.tools or {}) do
    local name = tool.server and served.INCLUDE[tool.name]
    if name then names[#names + 1] = json.encode(name) end
  end
  if #names > 0 then parts[#parts + 1] = '"include":[' .. table.concat(names, ",") .. "]" end
end

--- The system prompt as the first message, with a mark of where its part of the cache ends. The
--- server by itself marks the end of a request only, which no other conversation begins with.
local function marked(system)
  return ('{"role":"developer","content":[{"type":"input_text","text":%s,'
    .. '"prompt_cache_breakpoint":{"mode":"explicit"}}]},'):format(json.encode(system))
end

--- The model, its instructions and the conversation: what is asked, and what can be counted.
local function asked(req, parts)
  if req.tools and #req.tools > 0 then parts[#parts + 1] = tools_json(req.tools) end
  local input = table.concat(req.messages, ",")
  if req.system and req.system:find("%S") then
    if req.marks then
      input = marked(req.system) .. input
    else
      parts[#parts + 1] = '"instructions":' .. json.encode(req.system)
    end
  end
  parts[#parts + 1] = '"input":[' .. input .. "]"
  return "{" .. table.concat(parts, ",") .. "}"
end

local function post(path, accept, body)
  return { method = "POST", path = path, body = body,
    headers = { { "content-type", "application/json" }, { "accept", accept } },
    secret_header = "authorization", secret_prefix = "Bearer " }
end

---@param req DialectRequest
---@return HttpRequest
function responses.request(req)
  local parts = {
    '"model":' .. json.encode(req.model),
    ('"max_output_tokens":%d,"stream":true,"store":false'):format(req.max_tokens),
  }
  if req.cache_key then -- those who begin alike go to the machine that has their beginning
    parts[#parts + 1] = '"prompt_cache_key":' .. json.encode(req.cache_key)
  end
  if req.diagnose and req.marks and req.previous then -- why its cache missed, beside that reply
    parts[#parts + 1] = ('"prompt_cache_options":{"comparison_response_id":%s}')
      :format(json.encode(req.previous))
  end
  include(req, parts)
  reasoning(req, parts)
  if req.output then
    parts[#parts + 1] = ('"text":{"format":{"type":"json_schema","name":%s,"strict":true,'
      .. '"schema":%s}}')
      :format(json.encode(req.output.name), req.output.schema)
  end
  return post("/responses", "text/event-stream, application/json", asked(req, parts))
end

--- The question how many tokens a request is.
---@param req DialectRequest
---@return HttpRequest
function responses.count(req)
  return post("/responses/input_tokens", "application/json",
    asked(req, { '"model":' .. json.encode(req.model) }))
end

---@param body string the answer to `count`
---@return integer? tokens
function responses.counted(body) return reading.counted(body) end

-- the stream in -----------------------------------------------------------------------------------
--   response.created response.in_progress
--     ( response.output_item.added  deltas of its kind  response.output_item.done )*
--   response.completed | response.incomplete | response.failed
-- with `error` anywhere, and kinds that are added later, which are passed over.

---@return table state belongs to one reply
function responses.begin()
  return reading.begin { parts = {}, by_index = {}, ids = {} }
end

--- What an item is to us; all others are opaque.
local KINDS <const> = {
  message = "text", reasoning = "thinking", function_call = "call", custom_tool_call = "call",
}

--- The texts of a list of parts, those of a refusal apart.
local function texts_of(parts)
  local texts, refusals = {}, {}
  for _, part in ipairs(reading.object(parts) or {}) do
    if type(part) == "table" then
      texts[#texts + 1] = reading.text(part.text) or reading.text(part.refusal)
      refusals[#refusals + 1] = reading.text(part.refusal)
    end
  end
  return table.concat(texts), refusals[1] and table.concat(refusals)
end

--- The finished item in our form, one function for each kind.
local CLOSERS <const> = {
  text = function(part, item)
    local text, refusal = texts_of(item.content)
    part.refusal = refusal
    return { type = "text", text = text, dialect = responses.name, opaque = json.encode(item) }
  end,
  thinking = function(part, item)
    return { type = "thinking", text = table.concat(part.pieces), dialect = responses.name,
      opaque = json.encode(item),
      partial = not reading.text(item.encrypted_content) or nil } -- nobody keeps it for us
  end,
  call = function(_, item)
    local block = { type = "call", id = item.call_id, name = item.name }
    if item.type == "custom_tool_call" then
      block.id = CUSTOM .. item.call_id
      block.input = json.encode { input = reading.text(item.input) or "" }
    else
      local input = reading.text(item.arguments) or ""
      block.input = input:find("%S") and input or "{}"
    end
    local caller = reading.object(item.caller)
    if caller and caller.type ~= "direct" or reading.text(item.namespace) then
      block.dialect, block.opaque = responses.name, json.encode(item)
    end
    return block
  end,
  opaque = function(_, item)
    return { type = "opaque", dialect = responses.name, opaque = json.encode(item) }
  end,
}

local function begin_item(state, event)
  local item, index = reading.object(event.item), event.output_index
  if math.type(index) ~= "integer" or state.by_index[index] then
    return reading.broken(state, "an item without a place of its own")
  end
  if not item or type(item.type) ~= "string" then
    return reading.broken(state, "an item without a type")
  end
  local part = { kind = KINDS[item.type] or "opaque", type = item.type, pieces = {} }
  state.parts[#state.parts + 1], state.by_index[index] = part, part
  return {}
end

--- The item is complete; what it says of itself now is what counts.
local function end_item(state, event)
  local part, item = state.by_index[event.output_index], reading.object(event.item)
  if not part then return reading.broken(state, "the end of an item that never began") end
  if part.block then return reading.broken(state, "the end of an item twice") end
  if not item or item.type ~= part.type then
    return reading.broken(state, "an item that ends as another one")
  end
  if part.kind == "call" then
    local id = reading.text(item.call_id)
    if not id or not reading.text(item.name) then
      return reading.broken(state, "a call without id or name")
    end
    if state.ids[id] then return reading.broken(state, "two calls with one id") end
    state.ids[id] = true
  end
  part.block = CLOSERS[part.kind](part, item)
  local use = served.note(state, item)
  state.refusal = state.refusal or part.refusal
  if part.kind == "call" then
    local block = part.block
    return { { kind = "call", id = block.id, name = block.name, input = block.input } }
  end
  -- A server that sends an item whole says its text here for the first time.
  if part.kind == "text" and #part.pieces == 0 and part.block.text ~= "" then
    state.said[#state.said + 1] = part.block.text
    return { { kind = "text", text = part.block.text }, use }
  end
  return { use }
end

--- A piece for an item of `kind`. Arguments are not gathered: they come whole at the item's end.
local function piece(kind)
  return function(state, event)
    local part = state.by_index[event.output_index]
    if not part or part.block then
      return reading.broken(state, "a delta for an item that is not open")
    end
    local text = event.delta
    if part.kind ~= kind or type(text) ~= "string" then
      return reading.broken(state, ("%s does not fit its item"):format(event.type))
    end
    if kind == "call" or text == "" then return {} end
    part.pieces[#part.pieces + 1] = text
    if kind == "text" then state.said[#state.said + 1] = text end
    return { { kind = kind, text = text } }
  end
end

--- Between two parts of a summary stands an empty line.
local function begin_summary(state, event)
  local part = state.by_index[event.output_index]
  if not part or part.kind ~= "thinking" or #part.pieces == 0 then return {} end
  part.pieces[#part.pieces + 1] = "\n\n"
  return { { kind = "thinking", text = "\n\n" } }
end

local function read_head(state, event)
  local response = reading.object(event.response) or {}
  state.id, state.model = reading.text(response.id), reading.text(response.model)
  return {}
end

local function stop_of(state)
  if state.reason then return INCOMPLETE[state.reason] or "length" end -- it is not whole
  if state.refusal then return "refusal" end
  for _, part in ipairs(state.parts) do
    if part.kind == "call" and part.block then return "calls" end
  end
  return state.stop_raw == "completed" and "end" or "other"
end

--- Searches that cost something, as the server counts them; nil where it does not.
local function searches_of(response)
  local tools = reading.object(response.tool_usage) or {}
  local count = (reading.object(tools.web_search) or {}).num_requests
  return math.type(count) == "integer" and count >= 0 and count or nil
end

--- Why the server's cache missed; nil where it did not, or says nothing.
local function read_diagnosis(response)
  local said = reading.object(response.prompt_cache_diagnostics) or {}
  if said.type ~= "cache_miss" or not reading.text(said.reason) then return nil end
  local counted = {}
  reading.count(counted, "tokens", said.cache_missed_tokens)
  return { why = said.reason, tokens = counted.tokens }
end

--- The last event, whatever became of the reply.
local function end_response(state, event)
  local response = reading.object(event.response) or {}
  local usage = reading.object(response.usage) or {}
  local searches = searches_of(response)
  if searches then state.searches = searches > 0 and searches or nil end
  state.cache_miss = read_diagnosis(response)
  local events = openai.usage(state, usage.input_tokens, usage.output_tokens,
    usage.input_tokens_details)
  local why = reading.object(response.incomplete_details) or {}
  state.reason = event.type == "response.incomplete" and (reading.text(why.reason) or "unknown")
  state.stop_raw = state.reason or reading.text(response.status) or "completed"
  for _, part in ipairs(state.parts) do -- half a call must not be carried out
    if not part.block and not state.reason then
      return reading.broken(state, "an item that never ended")
    end
  end
  state.done = true
  events[#events + 1] = { kind = "stop", stop = stop_of(state), stop_raw = state.stop_raw }
  return events
end

local EVENTS <const> = {
  ["response.created"] = read_head,
  ["response.in_progress"] = read_head,
  ["response.output_item.added"] = begin_item,
  ["response.output_item.done"] = end_item,
  ["response.output_text.delta"] = piece "text",
  ["response.refusal.delta"] = piece "text",
  ["response.reasoning_summary_part.added"] = begin_summary,
  ["response.reasoning_summary_text.delta"] = piece "thinking",
  ["response.reasoning_text.delta"] = piece "thinking",
  ["response.function_call_arguments.delta"] = piece "call",
  ["response.custom_tool_call_input.delta"] = piece "call",
  ["response.completed"] = end_response,
  ["response.incomplete"] = end_response,
  ["response.failed"] = function(state, event)
    return openai.refused(state, reading.object(event.response) or {})
  end,
  error = openai.refused,
}

--- One server-sent event in, ours out. Never raises, whatever the server sends.
---@param state table
---@param name  string the event's name, "message" when it has none
---@param data  string
---@return DialectEvent[]
function responses.event(state, name, data)
  if state.done or data == "" or data:find("^%s*%[DONE%]") then return {} end
  if name and name ~= "message" and not EVENTS[name] then return {} end
  local event = reading.event(data, name ~= nil and name:find("%.delta$") ~= nil)
  if not event then return reading.not_json(state, data) end
  local kind = reading.text(event.type)
  if not kind and openai.is_error(event) then return openai.refused(state, event) end
  event.type = kind or name or ""
  local use = EVENTS[event.type]
  return use and use(state, event) or {}
end

--- The whole reply, or why there is none.
---@param state table
---@return Reply?, Failure?
function responses.finish(state)
  if state.err then return nil, state.err end
  if not state.done then return nil, reading.cut(state) end
  local content = {}
  for _, part in ipairs(state.parts) do
    local block = part.block
    if not block and part.kind == "text" then -- cut by a limit
      block = { type = "text", text = table.concat(part.pieces) }
    end
    content[#content + 1] = block
  end
  return { content = content, stop = stop_of(state), stop_raw = state.stop_raw,
    refusal = state.refusal and { explanation = state.refusal }, usage = state.usage,
    model = state.model, id = state.id, cache_miss = state.cache_miss, served = state.served,
    sources = state.sources }
end

responses.failure = openai.failure

return responses
