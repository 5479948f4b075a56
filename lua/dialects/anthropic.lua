--- The Messages API of Anthropic, streamed. Pure functions; the contract stands in README.md here.
--- Facts as read in @anthropic-ai/sdk 1.12.0 (npm, 2026-11-20): the types of resources/messages,
--- the headers of client.ts, the order of events of lib/MessageStream.ts. That SDK always sends
--- version 2026-10-21, with the key as a bearer token; this version refuses temperature, top_p and
--- top_k, so they are never sent. Effort is `output_config.effort` (type OutputConfig: low, medium,
--- high, xhigh, max). `legacy` is for servers that know only 2023-06-01 and x-api-key.
local failure = require "lib.failure"
local json    = require "lib.json"
local reading = require "lib.reading"
local served  = require "lib.anthropic_served"

local VERSION <const> = "2026-10-21"
local LEGACY_VERSION <const> = "2023-06-01"
local LOOKBACK <const> = 20 -- blocks before a mark in which the server looks for what it has
local CACHE <const> = '"cache_control":{"type":"ephemeral"}'

local STOPS <const> = {
  end_turn = "end", stop_sequence = "end", tool_use = "calls", max_tokens = "length",
  refusal = "refusal", pause_turn = "pause", model_context_window_exceeded = "context",
}

--- The status that an `error` event would have had as an answer.
local STATUS_OF <const> = {
  invalid_request_error = 400, authentication_error = 401, billing_error = 402,
  permission_error = 403, not_found_error = 404, conflict_error = 409, request_too_large = 413,
  rate_limit_error = 429, api_error = 500, timeout_error = 504, overloaded_error = 529,
}

--- Words in a refusal that point to what only the newer form of a request has.
local NEWER_WORDS <const> = {
  "anthropic-version", "api-key", "api key", "cache_control", "thinking", "output_config",
  "effort", "extra inputs",
}

--- `form`: what its structured output asks of a schema, as lib/transform-json-schema of the SDK
--- does.
local anthropic = { name = "anthropic", form = {}, serves = served.FORMS }

-- messages out ------------------------------------------------------------------------------------

local USERS <const> = '{"role":"user"'

local function is_users(fragment) return fragment:sub(1, #USERS) == USERS end

local function is_ours(block) return reading.is_own(block, anthropic.name) end

local function result_content(block)
  local text = block.text ~= "" and block.text or "(no output)" -- an empty error is refused
  -- Beside is_error the API takes text only.
  if block.error or not block.images or #block.images == 0 then return json.encode(text) end
  local parts = { ('{"type":"text","text":%s}'):format(json.encode(text)) }
  for _, image in ipairs(block.images) do
    parts[#parts + 1] = '{"type":"image","source":' .. json.encode(json.object {
      { "type", "base64" }, { "media_type", image.media_type }, { "data", image.data },
    }) .. "}"
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- Each answers the block's JSON, or nil when it is not sent.
local ENCODERS <const> = {
  text = function(block)
    if is_ours(block) then return block.opaque end   -- with its citations
    if not block.text:find("%S") then return nil end -- the API refuses blank text, also its own
    return ('{"type":"text","text":%s}'):format(json.encode(block.text))
  end,
  call = function(block)
    if is_ours(block) then return block.opaque end -- with who called
    return ('{"type":"tool_use","id":%s,"name":%s,"input":%s}')
      :format(json.encode(block.id), json.encode(block.name), reading.arguments(block.input))
  end,
  result = function(block)
    local mark = block.error and ',"is_error":true' or ""
    return ('{"type":"tool_result","tool_use_id":%s,"content":%s%s}')
      :format(json.encode(block.id), result_content(block), mark)
  end,
  -- Signed: whole or not at all.
  thinking = function(block) return is_ours(block) and block.opaque or nil end,
  opaque = function(block) return is_ours(block) and block.opaque or nil end,
}

--- One message as JSON, to be kept: later requests send the same bytes.
---@param message Message
---@return string
function anthropic.encode(message)
  local parts = {}
  for _, block in ipairs(message.content) do
    parts[#parts + 1] = ENCODERS[block.type](block)
  end
  -- An empty content is refused.
  if #parts == 0 then parts[1] = '{"type":"text","text":"(nothing)"}' end
  return ('{"role":"%s","content":[%s]}'):format(message.role, table.concat(parts, ","))
end

--- What a request begins with. The field for the cache asks the server to mark the last message, so
--- that kept fragments stay as they are.
local function head(req)
  local parts = {
    '"model":' .. json.encode(req.model),
    ('"max_tokens":%d,"stream":true'):format(req.max_tokens),
  }
  if not req.legacy then
    parts[#parts + 1] = CACHE
    if req.thinking == "adaptive" then
      -- Without a display some models answer thinking with no text, and are silent between calls.
      parts[#parts + 1] = '"thinking":{"type":"adaptive","display":"summarized"}'
    elseif req.thinking == "off" then
      parts[#parts + 1] = '"thinking":{"type":"disabled"}'
    end
    local config = {}
    if req.effort then config[1] = '"effort":' .. json.encode(req.effort) end
    if req.output then
      config[#config + 1] = ('"format":{"type":"json_schema","schema":%s}')
        :format(req.output.schema)
    end
    if req.container then parts[#parts + 1] = '"container":' .. json.encode(req.container) end
    if req.diagnose then -- asks why its cache missed; the answer comes in message_start
      parts[#parts + 1] = ('"diagnostics":{"previous_message_id":%s}')
        :format(req.previous and json.encode(req.previous) or "null")
    end
    if #config > 0 then
      parts[#parts + 1] = '"output_config":{' .. table.concat(config, ",") .. "}"
    end
  end
  return parts
end

--- Tools come before the system prompt in what is cached: a mark at its end covers both, and
--- `marked` is for requests without one.
local function tools_json(tools, marked)
  local parts = {}
  for i, tool in ipairs(tools) do
    local mark = marked and i == #tools and "," .. CACHE or ""
    local form = tool.server and served.FORMS[tool.name]
    parts[i] = form and form:format(mark)
      or ('{"name":%s,"description":%s,"input_schema":%s%s}')
        :format(json.encode(tool.name), json.encode(tool.description or ""), tool.schema, mark)
  end
  return '"tools":[' .. table.concat(parts, ",") .. "]"
end

--- A kept fragment with a mark on its last block: a user's, which ends in a text or a result.
local function marked(fragment) return fragment:sub(1, -4) .. "," .. CACHE .. "}]}" end

--- The conversation with marks where the server would not look by itself. It finds what an earlier
--- request wrote only up to 20 blocks back: where the last exchange had more, the message that
--- ended the request before is marked. The older API marks no end by itself, so its last message is
--- marked as well. With the system prompt's these are three marks or four, of four that there may
--- be.
local function marked_messages(req)
  local count = #req.messages
  local before, blocks = count, 0 -- the message that ended the request before; blocks since then
  repeat
    blocks = blocks + (req.blocks and req.blocks[before] or 0)
    before = before - 1
  until before < 1 or is_users(req.messages[before])
  local far = before >= 1 and blocks >= LOOKBACK
  if not far and not req.legacy then return req.messages end
  local messages = table.move(req.messages, 1, count, 1, {})
  if far then messages[before] = marked(messages[before]) end
  if req.legacy and is_users(messages[count]) then messages[count] = marked(messages[count]) end
  return messages
end

--- The tools, the system prompt and the conversation, after what `parts` begins with.
local function post(path, accept, req, parts)
  local has_system = req.system and req.system:find("%S")
  if req.tools and #req.tools > 0 then
    parts[#parts + 1] = tools_json(req.tools, not has_system)
  end
  if has_system then
    parts[#parts + 1] = ('"system":[{"type":"text","text":%s,%s}]')
      :format(json.encode(req.system), CACHE)
  end
  parts[#parts + 1] = '"messages":[' .. table.concat(marked_messages(req), ",") .. "]"
  return {
    method = "POST",
    path = path,
    headers = {
      { "content-type", "application/json" },
      { "accept", accept },
      { "anthropic-version", req.legacy and LEGACY_VERSION or VERSION },
    },
    body = "{" .. table.concat(parts, ",") .. "}",
    secret_header = req.legacy and "x-api-key" or "authorization",
    secret_prefix = req.legacy and "" or "Bearer ",
  }
end

---@param req DialectRequest
---@return HttpRequest
function anthropic.request(req)
  return post("/v1/messages", "text/event-stream, application/json", req, head(req))
end

--- The question how many tokens a request is.
---@param req DialectRequest
---@return HttpRequest
function anthropic.count(req)
  return post("/v1/messages/count_tokens", "application/json", req,
    { '"model":' .. json.encode(req.model) })
end

---@param body string the answer to `count`
---@return integer? tokens
function anthropic.counted(body) return reading.counted(body) end

-- the stream in -----------------------------------------------------------------------------------
--   message_start
--     ( content_block_start content_block_delta* content_block_stop )*
--   message_delta* message_stop
-- with ping and error anywhere, and kinds that are added later, which are passed over.

---@return table state belongs to one reply
function anthropic.begin()
  return reading.begin { parts = {}, by_index = {}, call_ids = {}, started = false }
end

local string_or_nil <const>, broken <const> = reading.text, reading.broken

local function read_usage(state, usage)
  if type(usage) ~= "table" then return {} end
  local total = state.usage or {}
  reading.count(total, "input", usage.input_tokens)
  reading.count(total, "output", usage.output_tokens)
  reading.count(total, "cache_read", usage.cache_read_input_tokens)
  reading.count(total, "cache_write", usage.cache_creation_input_tokens)
  served.count(state, total, usage)
  if not next(total) then return {} end
  state.usage = total
  local now = {} -- a copy: later counts must not change what was told
  for kind, count in pairs(total) do now[kind] = count end
  return { { kind = "usage", usage = now } }
end

--- What a block is to us; all others are opaque.
local KINDS <const> = { text = "text", tool_use = "call", thinking = "thinking" }

--- The block as it came, in its own order of keys, with the values that its deltas made.
local function refilled(raw, values)
  for name, value in pairs(values) do raw[name] = value end
  return json.encode(raw)
end

--- The finished block in our form, one function for each kind of part.
local CLOSERS <const> = {
  text = function(part, text)
    local block = { type = "text", text = text }
    if part.citations then
      block.dialect = anthropic.name
      block.opaque = refilled(part.raw, { text = text, citations = part.citations })
    end
    return block
  end,
  call = function(part, _, typed)
    local raw = part.raw
    if not typed:find("%S") then
      typed = type(raw.input) == "table" and json.encode(raw.input) or "{}"
    end
    local block = { type = "call", id = raw.id, name = raw.name, input = typed }
    local caller = reading.object(raw.caller)
    if caller and caller.type ~= "direct" or string_or_nil(raw.toolset_name) then
      block.dialect = anthropic.name
      block.opaque = refilled(raw, { input = json.raw(reading.arguments(typed)) })
    end
    return block
  end,
  thinking = function(part, text)
    return { type = "thinking", text = text, dialect = anthropic.name, partial = part.damaged,
      opaque = refilled(part.raw, { thinking = text, signature = part.signature }) }
  end,
  opaque = function(part, _, typed)
    local input = typed ~= "" and json.raw(reading.arguments(typed)) or nil
    return { type = "opaque", dialect = anthropic.name, partial = part.damaged,
      opaque = refilled(part.raw, { input = input }) }
  end,
}

local function close_part(state, part)
  if part.block then return {} end
  local typed = table.concat(part.json)
  -- Before the block is put together, which takes the arguments in.
  local use = part.kind == "opaque" and served.note(state, part.raw, typed)
  part.block = CLOSERS[part.kind](part, table.concat(part.pieces), typed)
  if use then return { use } end
  for _, citation in ipairs(part.citations or {}) do served.cite(state, citation) end
  if part.kind ~= "call" then return {} end
  return { { kind = "call", id = part.block.id, name = part.block.name, input = part.block.input } }
end

--- Each answers whether it could use the delta, and what it adds to the text.
local DELTAS <const> = {
  text_delta = function(part, delta)
    if part.kind ~= "text" or type(delta.text) ~= "string" then return false end
    part.pieces[#part.pieces + 1] = delta.text
    return true, delta.text
  end,
  thinking_delta = function(part, delta)
    if part.kind ~= "thinking" or type(delta.thinking) ~= "string" then return false end
    part.pieces[#part.pieces + 1] = delta.thinking
    return true, delta.thinking
  end,
  signature_delta = function(part, delta)
    if part.kind ~= "thinking" or type(delta.signature) ~= "string" then return false end
    part.signature = delta.signature
    return true
  end,
  input_json_delta = function(part, delta)
    if part.kind ~= "call" and part.kind ~= "opaque" then return false end
    if type(delta.partial_json) ~= "string" then return false end
    part.json[#part.json + 1] = delta.partial_json
    return true
  end,
  citations_delta = function(part, delta)
    if part.kind ~= "text" or type(delta.citation) ~= "table" then return false end
    part.citations = part.citations or json.array {}
    part.citations[#part.citations + 1] = delta.citation
    return true
  end,
}

local function begin_block(state, event)
  local raw = event.content_block
  if not state.started then return broken(state, "a block before message_start") end
  if math.type(event.index) ~= "integer" or state.by_index[event.index] then
    return broken(state, "a block without a place of its own")
  end
  if type(raw) ~= "table" or type(raw.type) ~= "string" then
    return broken(state, "a block without a type")
  end
  local kind = KINDS[raw.type] or "opaque"
  if kind == "call" and not (string_or_nil(raw.id) and string_or_nil(raw.name)) then
    return broken(state, "a call without id or name")
  end
  if kind == "call" then -- a result would answer either
    if state.call_ids[raw.id] then return broken(state, "two calls with one id") end
    state.call_ids[raw.id] = true
  end
  local part = { kind = kind, raw = raw, pieces = {}, json = {},
    signature = string_or_nil(raw.signature) or "" }
  state.parts[#state.parts + 1] = part
  state.by_index[event.index] = part
  local first = kind == "text" and raw.text or kind == "thinking" and raw.thinking
  if not string_or_nil(first) or first == "" then return {} end
  part.pieces[1] = first
  if kind == "text" then state.said[#state.said + 1] = first end
  return { { kind = kind, text = first } }
end

local function add_delta(state, event)
  local part, delta = state.by_index[event.index], event.delta
  if not part or part.block then return broken(state, "a delta for a block that is not open") end
  if type(delta) ~= "table" or type(delta.type) ~= "string" then
    return broken(state, "a delta without a type")
  end
  local use = DELTAS[delta.type]
  if not use then
    part.damaged = true -- a kind of a later day: what it belongs to is not sent back in pieces
    return {}
  end
  local used, text = use(part, delta)
  if not used then return broken(state, ("%s does not fit its block"):format(delta.type)) end
  if not text or text == "" then return {} end
  if part.kind == "text" then state.said[#state.said + 1] = text end
  return { { kind = part.kind, text = text } }
end

--- Why the server's cache missed, as it says itself; nil where it did not, or does not know yet.
local function read_diagnosis(diagnostics)
  local reason = type(diagnostics) == "table" and diagnostics.cache_miss_reason
  local kind = type(reason) == "table" and string_or_nil(reason.type)
  if not kind then return nil end
  local counted = {}
  reading.count(counted, "tokens", reason.cache_missed_input_tokens)
  return { why = kind, tokens = counted.tokens }
end

--- The id of the container in which the server's own code ran: later requests name it, so that
--- what is in it is still there.
local function read_container(state, container)
  local id = type(container) == "table" and string_or_nil(container.id)
  if id then state.container = id end
end

local function end_message(state, event)
  local delta = type(event.delta) == "table" and event.delta or {}
  read_container(state, delta.container)
  local raw = string_or_nil(delta.stop_reason)
  local events = read_usage(state, event.usage)
  if type(delta.stop_details) == "table" and delta.stop_details.type == "refusal" then
    state.refusal = { category = string_or_nil(delta.stop_details.category),
      explanation = string_or_nil(delta.stop_details.explanation) }
  end
  if raw then
    state.stop_raw = raw
    events[#events + 1] = { kind = "stop", stop = STOPS[raw] or "other", stop_raw = raw }
  end
  return events
end

local EVENTS <const> = {
  ping = function() return {} end,
  message_start = function(state, event)
    if state.started then return broken(state, "message_start twice") end
    local message = type(event.message) == "table" and event.message or {}
    state.started = true
    state.id, state.model = string_or_nil(message.id), string_or_nil(message.model)
    state.cache_miss = read_diagnosis(message.diagnostics)
    read_container(state, message.container)
    return read_usage(state, message.usage)
  end,
  content_block_start = begin_block,
  content_block_delta = add_delta,
  content_block_stop = function(state, event)
    local part = state.by_index[event.index]
    if not part then return broken(state, "the end of a block that never began") end
    return close_part(state, part)
  end,
  message_delta = end_message,
  message_stop = function(state)
    if not state.started then return broken(state, "message_stop before message_start") end
    local events = {}
    for _, part in ipairs(state.parts) do -- some servers leave content_block_stop out
      for _, event in ipairs(close_part(state, part)) do events[#events + 1] = event end
    end
    state.done = true
    return events
  end,
  error = function(state, event)
    local said = type(event.error) == "table" and event.error or {}
    local kind = string_or_nil(said.type) or "api_error"
    return reading.refused(state, STATUS_OF[kind] or 500,
      { type = kind, message = string_or_nil(said.message) })
  end,
}

--- One server-sent event in, ours out. Never raises, whatever the server sends.
---@param state table
---@param name string the event's name, "message" when it has none
---@param data string
---@return DialectEvent[]
function anthropic.event(state, name, data)
  if state.done or data == "" or data == "[DONE]" then return {} end
  if name and name ~= "message" and not EVENTS[name] then return {} end
  local event = reading.event(data,
    name == "content_block_delta" and not data:find("citation", 1, true))
  if not event then return name == "ping" and {} or reading.not_json(state, data) end
  local use = EVENTS[string_or_nil(event.type) or name or ""]
  return use and use(state, event) or {}
end

--- The whole reply, or why there is none.
---@param state table
---@return Reply?, Failure?
function anthropic.finish(state)
  if state.err then return nil, state.err end
  if not state.done then return nil, reading.cut(state) end
  local content, calls = {}, 0
  for i, part in ipairs(state.parts) do
    content[i] = part.block
    if part.kind == "call" then calls = calls + 1 end
  end
  local stop = STOPS[state.stop_raw] or state.stop_raw and "other" or "end"
  if stop == "end" and calls > 0 then stop = "calls" end -- some servers say end_turn all the same
  return { content = content, stop = stop, stop_raw = state.stop_raw, refusal = state.refusal,
    usage = state.usage, model = state.model, id = state.id, cache_miss = state.cache_miss,
    container = state.container, served = state.served, sources = state.sources }
end

-- what is not a stream ----------------------------------------------------------------------------

--- The error for an answer that is not a stream of events.
---@param status integer
---@param headers table<string, string> names in lower case
---@param body string
---@return Failure
function anthropic.failure(status, headers, body)
  local decoded = json.decode(body)
  local said = type(decoded) == "table" and type(decoded.error) == "table" and decoded.error or {}
  local details = type(said.details) == "table" and said.details or {}
  local reason = string_or_nil(details.error_code)
  local err = failure.from_status(status, headers, {
    type = string_or_nil(said.type),
    message = string_or_nil(said.message) or body,
    final = reason ~= nil and reason:find("spend_limit", 1, true) ~= nil, -- waiting does not help
  })
  err.details.reason = reason
  err.details.request_id = headers["request-id"]
  return reading.no_stream(err, status, headers, body)
end

--- Whether a server that refused a request with `err` may know only the older form.
---@param err Failure
---@return boolean
function anthropic.wants_legacy(err)
  local status = err.details and err.details.status
  if status == 401 or status == 403 then return true end
  if status ~= 400 and status ~= 422 then return false end
  local text = err.message:lower()
  for _, word in ipairs(NEWER_WORDS) do
    if text:find(word, 1, true) then return true end
  end
  return false
end

return anthropic
