--- Chat Completions: what goes out byte for byte, and what comes in from the many servers that speak
--- it, however they differ and however it is broken.
local chat = require "dialects.openai_chat"
local json = require "lib.json"
local t = require "lib.test"

--- Feeds events and answers the reply or error, ours, and the text of the deltas.
local function play(events)
  local state, seen, text = chat.begin(), {}, {}
  for _, event in ipairs(events) do
    local data = type(event) == "string" and event or json.encode(event)
    for _, ours in ipairs(chat.event(state, "message", data)) do
      seen[#seen + 1] = ours
      if ours.kind == "text" then text[#text + 1] = ours.text end
    end
  end
  local reply, err = chat.finish(state)
  return reply, err, seen, table.concat(text)
end

local function chunk(delta, finish)
  return { id = "c1", model = "m",
    choices = { { index = 0, delta = delta, finish_reason = finish or json.null } } }
end

local function calling(...)
  local pieces = {}
  for i, piece in ipairs { ... } do
    pieces[i] = { index = piece.index, id = piece.id,
      ["function"] = { name = piece.name, arguments = piece.arguments } }
  end
  return chunk { tool_calls = pieces }
end

local DONE <const> = "[DONE]"

local function request(changes)
  local req = { model = "m", system = "Be brief.", max_tokens = 100,
    tools = { { name = "read", description = "Reads.", schema = '{"type":"object"}' } },
    messages = { '{"role":"user","content":"hi"}' } }
  for key, value in pairs(changes or {}) do req[key] = value end
  return chat.request(req)
end

local function assistant(content) return chat.encode { role = "assistant", content = content } end
local function user(content) return chat.encode { role = "user", content = content } end

-- out ---------------------------------------------------------------------------------------------

t.test("a request is the same bytes for the same conversation", function()
  local built = request()
  t.equal(built.body, '{"model":"m","max_completion_tokens":100,"stream":true,'
    .. '"stream_options":{"include_usage":true},"tools":[{"type":"function","function":'
    .. '{"name":"read","description":"Reads.","parameters":{"type":"object"}}}],'
    .. '"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]}')
  t.equal({ built.path, built.secret_header, built.secret_prefix },
    { "/chat/completions", "authorization", "Bearer " })
end)

t.test("the older form says max_tokens and nothing of effort", function()
  local body = request({ legacy = true, effort = "high" }).body
  t.contains(body, '"max_tokens":100')
  t.falsy(body:find("max_completion_tokens", 1, true))
  t.falsy(body:find("reasoning_effort", 1, true))
end)

--- The habits of a provider that ships.
local function habits(name) return require("models").providers[name].habits end

t.test("each server is told the longest reply and the effort in its own words", function()
  local function body(name, changes)
    changes.habits = habits(name)
    return request(changes).body
  end
  t.contains(body("deepseek", {}), '"max_tokens":100,')
  t.contains(body("deepseek", { effort = "medium" }),
    '"thinking":{"type":"enabled"},"reasoning_effort":"high"')
  t.contains(body("deepseek", { effort = "low" }), '"reasoning_effort":"low"')
  t.contains(body("deepseek", { effort = "xhigh" }), '"reasoning_effort":"max"')
  t.contains(body("deepseek", { thinking = "off" }), '"thinking":{"type":"disabled"}')
  t.falsy(body("deepseek", {}):find("thinking", 1, true))
  t.contains(body("groq", { effort = "max" }), '"reasoning_effort":"high"')
  t.contains(body("groq", { thinking = "parsed" }), '"reasoning_format":"parsed"')
  t.contains(body("groq", {}), '"max_completion_tokens":100,')
  t.contains(body("openrouter", { effort = "max" }), '"reasoning_effort":"max"')
  for _, name in ipairs { "ollama", "llamacpp", "vllm" } do
    t.contains(body(name, {}), '"max_tokens":100,')
  end
end)

t.test("every message of the assistant's has what DeepSeek thought, if only nothing", function()
  local function encode(content)
    return chat.encode({ role = "assistant", content = content }, habits "deepseek")
  end
  local thought = { type = "thinking", text = "Hm.", dialect = "openai_chat",
    opaque = '{"reasoning_content":"Hm."}' }
  t.equal(encode { thought, { type = "text", text = "Yes." } },
    '{"role":"assistant","reasoning_content":"Hm.","content":"Yes."}')
  t.equal(encode { { type = "text", text = "Yes." } },
    '{"role":"assistant","reasoning_content":"","content":"Yes."}')
  t.contains(encode { { type = "call", id = "a", name = "n", input = "{}" } },
    '"reasoning_content":"","content":null')
  t.equal(assistant { thought, { type = "text", text = "Yes." } },
    '{"role":"assistant","content":"Yes."}', "others are sent none without calls")
end)

t.test("effort and a schema for the answer go out where they are asked for", function()
  local body = request({ effort = "low", output = { name = "sum", schema = '{"type":"object"}' } })
    .body
  t.contains(body, '"reasoning_effort":"low"')
  t.contains(body, '"response_format":{"type":"json_schema","json_schema":{"name":"sum","strict":true,'
    .. '"schema":{"type":"object"}}}')
end)

t.test("calls and results go back as the API wants them, each result a message", function()
  t.equal(assistant { { type = "text", text = "So." },
    { type = "call", id = "a", name = "read", input = '{"path": "x"}' } },
    '{"role":"assistant","content":"So.","tool_calls":[{"id":"a","type":"function","function":'
    .. '{"name":"read","arguments":"{\\"path\\": \\"x\\"}"}}]}')
  t.equal(user { { type = "result", id = "a", name = "read", text = "one" },
    { type = "result", id = "b", name = "bash", text = "", error = true },
    { type = "text", text = "Go on." } },
    '{"role":"tool","tool_call_id":"a","content":"one"},'
    .. '{"role":"tool","tool_call_id":"b","content":"[error] (no output)"},'
    .. '{"role":"user","content":[{"type":"text","text":"Go on."}]}')
end)

t.test("arguments that are no object go back as an empty one", function()
  for _, input in ipairs { '{"a', "3", "[]", "null" } do
    t.contains(assistant { { type = "call", id = "a", name = "n", input = input } },
      '"arguments":"{}"')
  end
end)

t.test("an image follows the result that it belongs to, in what the user says", function()
  local text = user { { type = "result", id = "a", name = "read", text = "a picture",
    images = { { media_type = "image/png", data = "AAAA" } } } }
  t.contains(text, '"content":"a picture"},{"role":"user","content":[')
  t.contains(text, '{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}')
end)

t.test("a message is never empty, and foreign thinking is not sent", function()
  t.equal(assistant {}, '{"role":"assistant","content":"(nothing)"}')
  t.contains(user {}, '"text":"(nothing)"')
  t.falsy(assistant { { type = "thinking", text = "hm", dialect = "anthropic", opaque = "{}" },
    { type = "call", id = "a", name = "n", input = "{}" } }:find("hm", 1, true))
end)

-- in ----------------------------------------------------------------------------------------------

t.test("text, usage after the last choice, and [DONE]", function()
  local reply, err, seen, text = play { chunk { role = "assistant", content = "" },
    chunk { content = "Good " }, chunk { content = "day \u{1F680}" }, chunk({}, "stop"),
    { id = "c1", choices = json.array {}, usage = { prompt_tokens = 9, completion_tokens = 4,
      prompt_tokens_details = { cached_tokens = 6 } } }, DONE }
  t.falsy(err)
  t.equal(text, "Good day \u{1F680}")
  t.equal(reply.content, { { type = "text", text = text } })
  t.equal({ reply.stop, reply.stop_raw, reply.id, reply.model }, { "end", "stop", "c1", "m" })
  t.equal(reply.usage, { input = 3, output = 4, cache_read = 6 })
  t.equal(seen[#seen].kind, "usage")
end)

t.test("several calls keep their order and their bytes, whoever numbers them", function()
  local wanted = { { type = "call", id = "a", name = "read", input = '{"path":"x"}' },
    { type = "call", id = "b", name = "glob", input = '{"pattern": "*.c"}' } }
  for name, events in pairs {
    numbered = { calling({ index = 0, id = "a", name = "read", arguments = "" },
      { index = 1, id = "b", name = "glob", arguments = '{"pattern": ' }),
      calling({ index = 0, arguments = '{"path":"x"}' }, { index = 1, arguments = '"*.c"}' }) },
    all_zero = { calling { index = 0, id = "a", name = "read", arguments = '{"path":"x"}' },
      calling { index = 0, id = "b", name = "glob", arguments = '{"pattern": ' },
      calling { index = 0, arguments = '"*.c"}' } },
    no_number = { calling({ id = "a", name = "read", arguments = '{"path":"x"}' },
      { id = "b", name = "glob", arguments = '{"pattern": "*.c"}' }) },
    id_each_time = { calling { index = 0, id = "a", name = "read", arguments = '{"path":' },
      calling { index = 0, id = "a", name = "read", arguments = '"x"}' },
      calling { index = 1, id = "b", name = "glob", arguments = '{"pattern": "*.c"}' } },
  } do
    events[#events + 1] = chunk({}, "tool_calls")
    local reply = play(events)
    t.equal(reply.content, wanted, name)
    t.equal(reply.stop, "calls", name)
  end
end)

t.test("calls without ids are given some, without arguments an empty object", function()
  local reply = play { calling({ name = "now" }, { name = "now", arguments = "" }),
    chunk({}, "stop"), DONE }
  t.equal(reply.content, { { type = "call", id = "call_c1_1", name = "now", input = "{}" },
    { type = "call", id = "call_c1_2", name = "now", input = "{}" } })
  t.equal(reply.stop, "calls", "some servers say stop all the same")
end)

t.test("what was thought goes back with calls, under the name under which it came", function()
  for _, name in ipairs { "reasoning_content", "reasoning" } do
    local reply, _, seen = play { chunk { [name] = "Let me " }, chunk { [name] = "see." },
      calling { index = 0, id = "a", name = "now", arguments = "{}" }, chunk({}, "tool_calls") }
    t.equal({ seen[1].kind, reply.content[1].text }, { "thinking", "Let me see." })
    t.contains(assistant(reply.content), ('{"role":"assistant","%s":"Let me see.","content":null,')
      :format(name))
    table.remove(reply.content)
    t.equal(assistant(reply.content), '{"role":"assistant","content":"(nothing)"}')
  end
end)

t.test("details of reasoning go back as they came", function()
  local detail = '{"type":"reasoning.encrypted","data":"RW1w","index":0,"later":[]}'
  local reply = play { '{"id":"c","choices":[{"delta":{"reasoning_details":[' .. detail .. "]}}]}",
    calling { index = 0, id = "a", name = "now" }, chunk({}, "tool_calls") }
  t.contains(assistant(reply.content), '"reasoning_details":[' .. detail .. "],")
end)

t.test("each reason to stop has its word, and one that is new is other", function()
  for raw, word in pairs { stop = "end", length = "length", content_filter = "refusal",
    tool_calls = "end", eos = "other" } do
    t.equal(play({ chunk({ content = "x" }, raw) }).stop, word, raw)
  end
end)

t.test("a refusal is text that says so", function()
  local reply, _, _, text = play { chunk { refusal = "I will not." }, chunk({}, "stop"), DONE }
  t.equal({ reply.stop, reply.refusal.explanation, text },
    { "refusal", "I will not.", "I will not." })
end)

t.test("without [DONE] a reply with a reason to stop is complete, one without is not", function()
  t.truthy(play { chunk({ content = "x" }, "stop") })
  t.truthy(play { chunk { content = "x" }, DONE }, "and [DONE] alone says so too")
  for _, events in ipairs { { chunk { content = "Half a" } }, { DONE }, {},
    { calling { index = 0, id = "a", name = "rm", arguments = '{"path":"/' } } } do
    local reply, err = play(events)
    t.falsy(reply)
    t.equal({ err.code, err.retryable }, { "protocol", true })
  end
end)

t.test("an error in the stream is that error, whoever words it, and what was said is kept", function()
  for _, case in ipairs {
    { '{"error":{"message":"Busy","type":"server_error","code":502}}', "unavailable", true },
    { '{"error":{"message":"Busy","type":"rate_limit_exceeded","code":null}}', "unavailable", true },
    { '{"error":{"message":"Too long, Busy","type":"exceed_context_size_error","code":400}}',
      "invalid", false },
    { '{"error":{"message":"Busy","code":"insufficient_quota"}}', "limit", false },
    { '{"object":"error","message":"Busy","code":400}', "invalid", false },
    { '{"error":"Busy"}', "unavailable", true },
  } do
    local _, err, seen = play { chunk { content = "Well" }, case[1], DONE }
    t.equal({ err.code, err.retryable, err.details.partial }, { case[2], case[3], "Well" }, case[1])
    t.contains(err.message, "Busy")
    t.equal(seen[#seen].kind, "error")
  end
  local _, err = play { chunk({ content = "W" }, "insufficient_system_resource") }
  t.equal({ err.code, err.retryable }, { "unavailable", true })
end)

t.test("garbage in a stream is an error, never a Lua error", function()
  for _, data in ipairs { "{", "3", "null", "NaN", "\xFF\xFE", '"x"', "<html>",
    '{"choices":[{"delta":{"content":5}}]}', '{"choices":[{"delta":{"content":["a"]}}]}',
    '{"choices":[{"delta":{"tool_calls":[3]}}]}',
    '{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}',
    '{"usage":{"prompt_tokens":NaN}}' } do
    local _, err, seen = play { chunk { content = "a" }, data }
    t.equal({ err.code, err.retryable, seen[#seen].kind }, { "protocol", false, "error" }, data)
  end
end)

t.test("fields of a wrong kind do no harm", function()
  local reply = play { '{"id":7,"model":null,"choices":{"a":1},"usage":"x"}',
    '{"choices":[null,3,{"index":1,"delta":{"content":"other"}}]}', '{"later":true}',
    chunk({ content = "x" }, "stop"), '{"choices":[],"usage":{"prompt_tokens":-4}}' }
  t.equal(reply.content, { { type = "text", text = "x" } })
  t.falsy(reply.usage)
end)

t.test("two calls with one id, a call without a name, a piece after the end: each an error", function()
  local first = calling { index = 0, id = "a", name = "n", arguments = "{}" }
  for what, events in pairs {
    ["one id"] = { first, calling { index = 1, id = "a", name = "n" } },
    ["without a name"] = { calling { index = 0, id = "a", arguments = "{}" }, chunk({}, "stop") },
    ["is complete"] = { first, chunk({}, "tool_calls"), calling { index = 0, arguments = "x" } },
  } do
    local _, err = play(events)
    t.equal({ err.code, err.retryable }, { "protocol", false })
    t.contains(err.message, what)
  end
end)

t.test("usage that goes backwards gives no budget back", function()
  local function used(prompt, output)
    return { choices = json.array {},
      usage = { prompt_tokens = prompt, completion_tokens = output } }
  end
  local reply = play { used(10, 5), used(4, 2), chunk({ content = "x" }, "stop"), DONE }
  t.equal(reply.usage, { input = 10, output = 5 })
end)

-- answers that are no stream ----------------------------------------------------------------------

t.test("an answer that is no stream says what it was instead, in each server's words", function()
  local err = chat.failure(200, { ["content-type"] = "text/html" }, "<html><title>Login</title>")
  t.equal(err.code, "protocol")
  t.contains(err.message, 'expected a stream of events, got text/html: an HTML page, "Login"')
  for _, body in ipairs { '{"error":{"message":"No."}}', '{"error":"No."}', '{"detail":"No."}',
    '[{"error":{"message":"No."}}]', '{"object":"error","message":"No."}', "No." } do
    t.contains(chat.failure(400, {}, body).message, "HTTP 400: No.")
  end
  local spent = chat.failure(429, {}, '{"error":{"message":"Spent","code":"insufficient_quota"}}')
  t.equal({ spent.code, spent.retryable, spent.details.reason },
    { "limit", false, "insufficient_quota" })
end)

t.test("only a refusal that may be about the form asks for the older one", function()
  local function refused(status, message)
    return chat.wants_legacy(chat.failure(status, {}, json.encode { error = { message = message } }))
  end
  t.equal(refused(400, "Unrecognized request argument: max_completion_tokens"), true)
  t.equal(refused(400, "messages are too many"), false)
  t.equal(refused(401, "max_completion_tokens"), false)
end)

t.test("Groq counts beside the end, and says there too why it stopped early", function()
  local last = chunk({}, "stop")
  last.x_groq = { id = "r1", usage = { prompt_tokens = 7, completion_tokens = 3 } }
  local reply = play { chunk { content = "Hi" }, last, DONE }
  t.equal(reply.usage, { input = 7, output = 3 })
  local _, err = play { chunk { content = "Hi" }, { id = "c1", choices = json.array {},
    x_groq = { id = "r1", error = "over capacity" } } }
  t.equal({ err.code, err.retryable, err.details.partial }, { "unavailable", true, "Hi" })
  t.contains(err.message, "over capacity")
end)

t.test("a call that Groq could not read is asked for again", function()
  local err = chat.failure(400, {}, '{"error":{"message":"Failed to call a function.",'
    .. '"type":"invalid_request_error","code":"tool_use_failed","failed_generation":"<function"}}')
  t.equal({ err.code, err.retryable, err.details.reason }, { "invalid", true, "tool_use_failed" })
  err = chat.failure(400, {}, '{"error":{"message":"no","code":"other"}}')
  t.equal(err.retryable, false)
end)

t.test("what a server says that it cost counts where its provider's row says so", function()
  local events = { chunk { content = "Hi" }, chunk({}, "stop"), { id = "c1",
    choices = json.array {}, usage = { prompt_tokens = 7, completion_tokens = 3, cost = 0.25 } } }
  t.falsy(play(events).usage.usd)
  local state = chat.begin(habits "openrouter")
  for _, event in ipairs(events) do chat.event(state, "message", json.encode(event)) end
  t.equal(chat.finish(state).usage, { input = 7, output = 3, usd = 0.25 })
  state = chat.begin(habits "openrouter")
  for _, cost in ipairs { -1, "1", 1e999 } do
    events[3].usage.cost = cost
    chat.event(state, "message", cost == 1e999 and '{"usage":{"prompt_tokens":7,"cost":1e999}}'
      or json.encode(events[3]))
  end
end)

t.test("an event named error ends the stream, whatever it is made of", function()
  for _, data in ipairs { '{"message":"no room"}', '{"error":{"message":"no room"}}' } do
    local state = chat.begin()
    chat.event(state, "error", data)
    local _, err = chat.finish(state)
    t.contains(err.message, "no room")
  end
end)

t.test("only the whole word ends a stream", function()
  local _, err = play { chunk { content = "Hi" }, "[DONE]x" }
  t.contains(err.message, "not a JSON object")
end)

-- recorded ----------------------------------------------------------------------------------------

local function recorded(world, name)
  local bytes = world.shared("streams/openai_chat/" .. name)
  if not bytes then t.skip("PERIGEE_SHARED is not set: recorded streams are not here") end
  local events = {}
  for line in bytes:gmatch("[^\n]+") do events[#events + 1] = line end
  events[#events + 1] = DONE
  local reply, err, _, text = play(events)
  t.falsy(err)
  return reply, text
end

t.test("a recorded reply of OpenAI reads as a person reads it", function(world)
  local reply, text = recorded(world, "openai-text.chunks.txt")
  t.equal(text:sub(1, 9), "**Holiday")
  t.equal({ reply.stop, reply.model }, { "end", "gpt-4.1-nano-2025-04-14" })
  t.equal(reply.usage, { input = 16, output = 300, cache_read = 0 })
end)

t.test("a recorded call of DeepSeek has its thinking, which goes back with it", function(world)
  local reply = recorded(world, "deepseek-tool-call.chunks.txt")
  t.equal(reply.content[1].text:sub(1, 18), "The user is asking")
  t.equal({ reply.stop, reply.content[2].type, reply.content[2].name }, { "calls", "call", "weather" })
  t.equal(json.decode(reply.content[2].input), { location = "San Francisco" })
  t.equal(reply.usage, { input = 19, output = 83, cache_read = 320 })
  t.contains(assistant(reply.content), '"reasoning_content":"The user is asking')
end)

t.test("a recorded reply of Groq has its reasoning apart from its text", function(world)
  local reply, text = recorded(world, "groq-reasoning.chunks.txt")
  t.equal(reply.content[1].text:sub(1, 5), "Okay,")
  t.equal(reply.content[2].text, text)
  t.equal(reply.usage, { input = 17, output = 1107 })
end)
