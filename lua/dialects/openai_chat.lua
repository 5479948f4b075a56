--- Chat Completions, streamed: OpenAI's older API, which most other servers speak. Pure functions;
--- the contract stands in README.md here. Facts as read in openai 7.57.0 (npm, 2026-11-13), types
--- of resources/chat/completions and core/streaming; what other servers do differently, as
--- groq-sdk 1.6.0, @openrouter/sdk 1.3.19, @ai-sdk/deepseek 2.0.69 (npm), docs.ollama.com,
--- docs.vllm.ai and llama.cpp document it or as their issues show it (read 2026-11-23):
---   reasoning   DeepSeek, llama.cpp: `reasoning_content`; vLLM since 0.11, Groq, Ollama:
---               `reasoning`; OpenRouter: `reasoning` and `reasoning_details`. With calls it goes
---               back under the name under which it came; DeepSeek wants it in each message of
---               the assistant's, an empty one where there was none.
---   calls       some leave out `index` (Ollama did, in 2024), send 0 for all of them, or no `id`
---   end         some send no [DONE], or "stop" for a reply with calls
---   usage       in a last piece without choices; of Groq also as `x_groq.usage` beside the end
---   errors      as an event in a stream that began as 200 (llama.cpp, vLLM, OpenRouter), also one
---               named `error`; of Groq a text, `x_groq.error`
---   comments    ": OPENROUTER PROCESSING", ": keep-alive" (DeepSeek): the transport drops them
--- `legacy` says `max_tokens`, the name that they all know, for `max_completion_tokens`. What a
--- request has to differ in stands in the provider's row as its `habits`.
local json    = require "lib.json"
local openai  = require "lib.openai"
local reading = require "lib.reading"

--- Others that hold to a form (llama.cpp, vLLM, Ollama) do it by a grammar of the answer, which
--- leaves no room for calls; OpenAI itself is asked through its newer API.
local FORM <const> = { all_required = openai.FORM.all_required,
  object_root = openai.FORM.object_root, without_tools = true, older = true }

--- What may be said of a server, the first being what OpenAI's own does:
---   length  how the longest reply is called
---   effort  how effort is told: in six words; in three; with the switch of DeepSeek, which knows
---           low, high and max
---   thoughts  which messages of the assistant's have what was thought
---   cost    what `usage.cost` is, where there is one
local HABITS <const> = {
  length = { "max_completion_tokens", "max_tokens" },
  effort = { "reasoning_effort", "low_to_high", "thinking" },
  thoughts = { "with_calls", "always" },
  cost = { "unsaid", "usd" },
}

local chat = { name = "openai_chat", form = FORM, habits = HABITS }

local STOPS <const> = {
  stop = "end", length = "length", tool_calls = "calls", function_call = "calls",
  content_filter = "refusal",
}
--- Names of a delta's field with what was thought; the first that is there counts.
local THOUGHTS <const> = { "reasoning_content", "reasoning" }

--- Words in a refusal that point to what only the newer form of a request has.
local NEWER_WORDS <const> = {
  "max_completion_tokens", "reasoning_effort", "unrecognized", "extra inputs", "unknown field",
}

-- messages out ------------------------------------------------------------------------------------

local function image_part(image)
  return ('{"type":"image_url","image_url":{"url":"data:%s;base64,%s"}}')
    :format(image.media_type, image.data)
end

--- A user's message: results each in a message of their own, and then what the user says, with the
--- images of the results, since a tool's message may have text only.
local function user_messages(content)
  local messages, parts = {}, {}
  for _, block in ipairs(content) do
    if block.type == "result" then
      messages[#messages + 1] = ('{"role":"tool","tool_call_id":%s,"content":%s}')
        :format(json.encode(block.id), json.encode(openai.result_text(block)))
      if block.images and #block.images > 0 and not block.error then
        parts[#parts + 1] = ('{"type":"text","text":%s}')
          :format(json.encode(("Images of the result of %s:"):format(block.name)))
        for _, image in ipairs(block.images) do parts[#parts + 1] = image_part(image) end
      end
    elseif block.type == "text" and block.text:find("%S") then
      parts[#parts + 1] = ('{"type":"text","text":%s}'):format(json.encode(block.text))
    end
  end
  if #parts == 0 and #messages == 0 then parts[1] = '{"type":"text","text":"(nothing)"}' end
  if #parts > 0 then
    messages[#messages + 1] = ('{"role":"user","content":[%s]}'):format(table.concat(parts, ","))
  end
  return table.concat(messages, ",")
end

local function assistant_message(content, habits)
  local always = habits ~= nil and habits.thoughts == "always"
  local texts, calls, thoughts = {}, {}, always and '"reasoning_content":"",' or ""
  for _, block in ipairs(content) do
    if block.type == "text" then
      texts[#texts + 1] = block.text
    elseif block.type == "call" then
      calls[#calls + 1] = ('{"id":%s,"type":"function","function":{"name":%s,"arguments":%s}}')
        :format(json.encode(block.id), json.encode(block.name),
          json.encode(reading.arguments(block.input)))
    elseif block.type == "thinking" and reading.is_own(block, chat.name) then
      thoughts = block.opaque:sub(2, -2) .. ","
    end
  end
  local text = table.concat(texts)
  if #calls == 0 then
    return ('{"role":"assistant",%s"content":%s}')
      :format(always and thoughts or "", json.encode(text:find("%S") and text or "(nothing)"))
  end
  return ('{"role":"assistant",%s"content":%s,"tool_calls":[%s]}')
    :format(thoughts, text ~= "" and json.encode(text) or "null", table.concat(calls, ","))
end

--- One message as JSON, to be kept; one with results becomes several, joined by commas.
---@param message Message
---@param habits? table<string, string> of the server
---@return string
function chat.encode(message, habits)
  if message.role == "assistant" then return assistant_message(message.content, habits) end
  return user_messages(message.content)
end

local function tools_json(tools)
  local parts = {}
  for i, tool in ipairs(tools) do
    parts[i] = ('{"type":"function","function":{"name":%s,"description":%s,"parameters":%s}}')
      :format(json.encode(tool.name), json.encode(tool.description or ""), tool.schema)
  end
  return '"tools":[' .. table.concat(parts, ",") .. "]"
end

--- Words of effort that a server has another for.
local WORDS <const> = {
  low_to_high = { xhigh = "high", max = "high" },
  thinking = { medium = "high", xhigh = "max" },
}

--- What says how much is thought; nil where nothing is said.
local function effort_of(req, habit)
  local word = req.effort
  if req.thinking == "off" then
    if habit == "thinking" then return '"thinking":{"type":"disabled"}' end
    word = "none"
  end
  if not word then return nil end
  word = (WORDS[habit] or {})[word] or word
  local switch = habit == "thinking" and '"thinking":{"type":"enabled"},' or ""
  return ('%s"reasoning_effort":%s'):format(switch, json.encode(word))
end

---@param req DialectRequest
---@return HttpRequest
function chat.request(req)
  local habits = req.habits or {}
  local length = req.legacy and "max_tokens" or habits.length or HABITS.length[1]
  local parts = {
    '"model":' .. json.encode(req.model),
    ('"%s":%d'):format(length, req.max_tokens),
    '"stream":true,"stream_options":{"include_usage":true}',
  }
  if not req.legacy then
    parts[#parts + 1] = effort_of(req, habits.effort)
    -- Else some models of Groq think in the text of the reply.
    if req.thinking == "parsed" then parts[#parts + 1] = '"reasoning_format":"parsed"' end
  end
  if req.output then
    local output = req.output
    parts[#parts + 1] = ('"response_format":{"type":"json_schema","json_schema":'
      .. '{"name":%s,"strict":true,"schema":%s}}'):format(json.encode(output.name), output.schema)
  end
  if req.tools and #req.tools > 0 then parts[#parts + 1] = tools_json(req.tools) end
  local messages = table.concat(req.messages, ",")
  if req.system and req.system:find("%S") then
    messages = ('{"role":"system","content":%s},%s'):format(json.encode(req.system), messages)
  end
  parts[#parts + 1] = '"messages":[' .. messages .. "]"
  return {
    method = "POST", path = "/chat/completions",
    headers = { { "content-type", "application/json" },
      { "accept", "text/event-stream, application/json" } },
    body = "{" .. table.concat(parts, ",") .. "}",
    secret_header = "authorization", secret_prefix = "Bearer ",
  }
end

-- the stream in -----------------------------------------------------------------------------------
--   { choices = { { delta = { content?, reasoning?, tool_calls? }, finish_reason? } }, usage? }*
--   [DONE]

---@param habits? table<string, string> of the server
---@return table state belongs to one reply
function chat.begin(habits)
  return reading.begin { thought = {}, calls = {}, by_index = {}, ids = {},
    tells_cost = habits ~= nil and habits.cost == "usd" }
end

--- The call that a piece belongs to: a new one where its id or its place is new.
local function call_of(state, piece)
  local id = reading.text(piece.id)
  if id == "" then id = nil end
  local index = math.type(piece.index) == "integer" and piece.index or nil
  local call = state.calls[#state.calls]
  if index then call = state.by_index[index] end
  if call and id and call.id and id ~= call.id then call = nil end -- every index is 0 there
  if call and not index and not id and reading.object(piece["function"])
    and reading.text(piece["function"].name) then call = nil end    -- neither, but it begins anew
  if call then return call end
  if id and state.ids[id] then return nil, "two calls with one id" end
  call = { id = id, pieces = {} }
  if id then state.ids[id] = true end
  state.calls[#state.calls + 1] = call
  if index then state.by_index[index] = call end
  return call
end

--- Adds a piece of a call. Answers what is wrong with it, if something is.
local function add_call(state, piece)
  local said = reading.object(piece) and reading.object(piece["function"])
  if not said then return "a call without a function" end
  if state.ended then return "a delta for a call that is complete" end
  local call, what = call_of(state, piece)
  if not call then return what end
  call.name = call.name or reading.text(said.name)
  local arguments = said.arguments
  if type(arguments) == "table" then arguments = json.encode(arguments) end -- whole, as an object
  if type(arguments) == "string" then call.pieces[#call.pieces + 1] = arguments end
end

--- The calls are complete.
local function end_calls(state)
  local events = {}
  state.ended = true
  for i, call in ipairs(state.calls) do
    if not call.name or call.name == "" then
      return reading.broken(state, "a call without a name")
    end
    call.id = call.id or ("call_%s_%d"):format(state.id or "x", i)
    call.input = table.concat(call.pieces)
    if not call.input:find("%S") then call.input = "{}" end
    events[i] = { kind = "call", id = call.id, name = call.name, input = call.input }
  end
  return events
end

local function add_thought(state, delta)
  for _, name in ipairs(THOUGHTS) do
    local text = reading.text(delta[name])
    if text and text ~= "" then
      state.thought_name = state.thought_name or name
      state.thought[#state.thought + 1] = text
      return text
    end
  end
end

--- What a delta adds: events, or what is wrong with it.
local function add_delta(state, delta)
  local events = {}
  local thought = add_thought(state, delta)
  if thought then events[1] = { kind = "thinking", text = thought } end
  for _, detail in ipairs(reading.object(delta.reasoning_details) or {}) do
    state.details = state.details or json.array {}
    state.details[#state.details + 1] = detail
  end
  for _, name in ipairs { "content", "refusal" } do
    local text = delta[name]
    if text ~= nil and text ~= json.null and type(text) ~= "string" then
      return nil, name .. " that is no text"
    end
    if type(text) == "string" and text ~= "" then
      if name == "refusal" then state.refusal = (state.refusal or "") .. text end
      state.said[#state.said + 1] = text
      events[#events + 1] = { kind = "text", text = text }
    end
  end
  for _, piece in ipairs(reading.object(delta.tool_calls) or {}) do
    local what = add_call(state, piece)
    if what then return nil, what end
  end
  return events
end

local function stop_of(state)
  if state.refusal then return "refusal" end
  local stop = STOPS[state.stop_raw] or state.stop_raw and "other" or "end"
  if stop == "end" and #state.calls > 0 then return "calls" end
  if stop == "calls" and #state.calls == 0 then return "end" end
  return stop
end

local function add_choice(state, choice)
  local events, what = add_delta(state, reading.object(choice.delta) or {})
  if not events then return reading.broken(state, what) end
  local raw = reading.text(choice.finish_reason)
  if not raw or raw == "" or state.stop_raw then return events end
  if raw == "error" or raw == "insufficient_system_resource" then
    return reading.refused(state, 503, { type = raw })
  end
  state.stop_raw = raw
  local calls = end_calls(state)
  table.move(calls, 1, #calls, #events + 1, events)
  if not state.err then
    events[#events + 1] = { kind = "stop", stop = stop_of(state), stop_raw = raw }
  end
  return events
end

local function read_usage(state, usage)
  usage = reading.object(usage)
  if not usage then return {} end
  local details = reading.object(usage.prompt_tokens_details)
    or { cached_tokens = usage.prompt_cache_hit_tokens } -- DeepSeek's own name
  return openai.usage(state, usage.prompt_tokens, usage.completion_tokens, details,
    state.tells_cost and usage.cost or nil)
end

--- [DONE]: calls of a server that gave no reason to stop are complete now.
local function done(state)
  local events = state.ended and {} or end_calls(state)
  state.done = true
  return events
end

--- One server-sent event in, ours out. Never raises, whatever the server sends.
---@param state table
---@param data  string
---@return DialectEvent[]
function chat.event(state, name, data)
  if state.done or data == "" then return {} end
  if data:find("^%s*%[DONE%]%s*$") then return done(state) end
  local event = reading.event(data, not data:find("reasoning_details", 1, true)
    and not data:find('"arguments":%s*{'))
  if not event then return reading.not_json(state, data) end
  if name == "error" or openai.is_error(event) then return openai.refused(state, event) end
  local groq = reading.object(event.x_groq) or {}
  if reading.text(groq.error) then return openai.refused(state, groq) end
  state.id = state.id or reading.text(event.id)
  state.model = state.model or reading.text(event.model)
  local events = {}
  for _, choice in ipairs(reading.object(event.choices) or {}) do
    if reading.object(choice) and (choice.index == nil or choice.index == 0) then
      events = add_choice(state, choice)
    end
  end
  if state.err then return events end
  local counted = read_usage(state, reading.object(event.usage) or groq.usage)
  return table.move(counted, 1, #counted, #events + 1, events)
end

--- The thinking block; its opaque form are the fields that an assistant's message has for it.
local function thinking_block(state)
  local text = table.concat(state.thought)
  if text == "" and not state.details then return nil end
  return { type = "thinking", text = text, dialect = chat.name,
    opaque = json.encode(json.object {
      { state.thought_name or "reasoning", state.thought_name and text },
      { "reasoning_details", state.details },
    }) }
end

--- The whole reply, or why there is none.
---@param state table
---@return Reply?, Failure?
function chat.finish(state)
  if state.err then return nil, state.err end
  local text = table.concat(state.said)
  local complete = state.stop_raw or state.done and (text ~= "" or #state.calls > 0)
  if not complete then return nil, reading.cut(state) end
  local content = { thinking_block(state) }
  if text ~= "" then content[#content + 1] = { type = "text", text = text } end
  for _, call in ipairs(state.calls) do
    content[#content + 1] = { type = "call", id = call.id, name = call.name, input = call.input }
  end
  return { content = content, stop = stop_of(state), stop_raw = state.stop_raw,
    refusal = state.refusal and { explanation = state.refusal }, usage = state.usage,
    model = state.model, id = state.id }
end

chat.failure = openai.failure

--- Whether a server that refused a request with `err` may know only the older form.
---@param err Failure
---@return boolean
function chat.wants_legacy(err)
  local status = err.details and err.details.status
  if status ~= 400 and status ~= 422 then return false end
  local text = err.message:lower()
  for _, word in ipairs(NEWER_WORDS) do
    if text:find(word, 1, true) then return true end
  end
  return false
end

return chat
