--- The Messages API: what goes out byte for byte, and what comes in however it is broken.
local anthropic = require "dialects.anthropic"
local json = require "lib.json"
local t = require "lib.test"

--- Feeds events and answers ours, the text of the deltas, and what finish says.
local function play(events)
  local state, seen, text = anthropic.begin(), {}, {}
  for _, event in ipairs(events) do
    local data = type(event) == "string" and event or json.encode(event)
    local decoded = json.decode(data)
    local name = type(decoded) == "table" and decoded.type or "message"
    for _, ours in ipairs(anthropic.event(state, name, data)) do
      seen[#seen + 1] = ours
      if ours.kind == "text" then text[#text + 1] = ours.text end
    end
  end
  local reply, err = anthropic.finish(state)
  return reply, err, seen, table.concat(text)
end

local function assistant(content) return { role = "assistant", content = content } end
local function user(content) return { role = "user", content = content } end

--- A message of one call.
local function called(name, input)
  return anthropic.encode(assistant { { type = "call", id = "c1", name = name, input = input } })
end

local function started(...)
  return { { type = "message_start", message = { id = "msg_1", model = "m",
    usage = { input_tokens = 3, output_tokens = 1 } } }, ... }
end

local function opened(index, block)
  return { type = "content_block_start", index = index, content_block = block }
end

--- The same with the block as JSON text, whose order of keys then is the one that counts.
local function opened_as(index, block)
  return ('{"type":"content_block_start","index":%d,"content_block":%s}'):format(index, block)
end

local function delta(index, piece)
  return { type = "content_block_delta", index = index, delta = piece }
end

local function said_in(index, text) return delta(index, { type = "text_delta", text = text }) end
local function typed(index, json_text)
  return delta(index, { type = "input_json_delta", partial_json = json_text })
end
local function closed(index) return { type = "content_block_stop", index = index } end
local function ended(reason) return { type = "message_delta", delta = { stop_reason = reason } } end
local STOP <const> = { type = "message_stop" }

local function request(changes)
  local req = { model = "m", system = "Be brief.", max_tokens = 100,
    tools = { { name = "read", description = "Reads.", schema = '{"type":"object"}' } },
    messages = { '{"role":"user","content":[{"type":"text","text":"hi"}]}' } }
  for key, value in pairs(changes or {}) do req[key] = value end
  return anthropic.request(req)
end

local function header(built, name)
  for _, pair in ipairs(built.headers) do if pair[1] == name then return pair[2] end end
end

-- out ---------------------------------------------------------------------------------------------

t.test("a request is the same bytes for the same conversation, with marks for the cache", function()
  local built = request()
  t.equal(built.body, '{"model":"m","max_tokens":100,"stream":true,'
    .. '"cache_control":{"type":"ephemeral"},'
    .. '"tools":[{"name":"read","description":"Reads.","input_schema":{"type":"object"}}],'
    .. '"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],'
    .. '"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}')
  t.equal(request().body, built.body)
  t.equal(built.path, "/v1/messages")
  t.equal(header(built, "anthropic-version"), "2026-10-21")
  t.equal(built.secret_header .. ": " .. built.secret_prefix, "authorization: Bearer ")
end)

t.test("a tool that the server may carry out itself is sent as the server's own", function()
  local search = { name = "web_search", description = "Finds.", schema = "{}", server = true }
  t.contains(request({ tools = { search } }).body,
    '"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}],')
  t.contains(request({ tools = { search }, system = "" }).body,
    '"name":"web_search","max_uses":8,"cache_control":{"type":"ephemeral"}}],')
  local read = { name = "web_fetch", description = "Reads.", schema = "{}", server = true }
  t.contains(request({ tools = { read, { name = "code_execution", schema = "{}", server = true } } }).body,
    '"tools":[{"type":"web_fetch_20260318","name":"web_fetch","allowed_callers":["direct"],"max_uses":8,'
    .. '"max_content_tokens":25000,"citations":{"enabled":true}},{"type":"code_execution_20260521","name":"code_execution"}],')
  t.contains(request({ tools = { { name = "new", description = "Finds.", schema = "{}", server = true } } }).body,
    '"tools":[{"name":"new","description":"Finds.","input_schema":{}}],')
end)

t.test("without a system prompt the last tool carries the mark", function()
  t.contains(request({ system = "" }).body, '"input_schema":{"type":"object"},"cache_control":')
end)

t.test("the older form has the older version and header, and nothing that came later", function()
  local built = request({ legacy = true, thinking = "adaptive", effort = "high" })
  t.equal(header(built, "anthropic-version"), "2023-06-01")
  t.equal(built.secret_header .. ":" .. built.secret_prefix, "x-api-key:")
  t.falsy(built.body:find("thinking", 1, true))
  t.falsy(built.body:find("output_config", 1, true))
  t.falsy(built.body:find('"stream":true,"cache_control"', 1, true))
end)

t.test("sampling parameters are never sent", function()
  local body = request({ temperature = 0.2, top_p = 1, top_k = 4 }).body
  for _, name in ipairs { "temperature", "top_p", "top_k" } do
    t.falsy(body:find(name, 1, true), name)
  end
end)

t.test("thinking and effort go out where the model knows them", function()
  local body = request({ thinking = "adaptive", effort = "low" }).body
  t.contains(body, '"thinking":{"type":"adaptive","display":"summarized"},'
    .. '"output_config":{"effort":"low"}')
end)

t.test("a schema for the answer goes out beside the effort", function()
  local output = { name = "sum", schema = '{"type":"object"}' }
  t.contains(request({ effort = "low", output = output }).body, '"output_config":{"effort":"low",'
    .. '"format":{"type":"json_schema","schema":{"type":"object"}}}')
  t.falsy(request({ legacy = true, output = output }).body:find("output_config", 1, true))
end)

t.test("tokens can be counted before they are spent, of the same bytes", function()
  local req = { model = "m", system = "s", max_tokens = 9, messages = { '{"role":"user"}' } }
  local built = anthropic.count(req)
  t.equal(built.path, "/v1/messages/count_tokens")
  t.equal(built.body, '{"model":"m","system":[{"type":"text","text":"s",'
    .. '"cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user"}]}')
  t.equal(anthropic.counted('{"input_tokens":11}'), 11)
  t.falsy(anthropic.counted('{"input_tokens":"x"}'))
end)

t.test("a call goes back with the text of its arguments as it was streamed", function()
  local input = '{"n": 9007199254740993, "list": [], "z": null, "a": 1.50}'
  t.equal(called("add", input),
    '{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"add","input":'
      .. input .. "}]}")
end)

t.test("arguments that are no JSON object go back as an empty one", function()
  for _, input in ipairs { '{"path":"a', "[]", "null", "3", "", '{"a":1} x' } do
    t.contains(called("read", input), '"input":{}', input)
  end
end)

t.test("results keep their order, errors are marked and never empty", function()
  t.equal(anthropic.encode { role = "user", content = {
    { type = "result", id = "a", name = "read", text = "one" },
    { type = "result", id = "b", name = "bash", text = "", error = true },
  } }, '{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"one"},'
    .. '{"type":"tool_result","tool_use_id":"b","content":"(no output)","is_error":true}]}')
end)

t.test("an image goes beside the text of its result", function()
  local text = anthropic.encode(user { { type = "result", id = "a", name = "shot", text = "seen",
    images = { { media_type = "image/png", data = "AAAA" } } } })
  t.contains(text, '"content":[{"type":"text","text":"seen"},{"type":"image","source":'
    .. '{"type":"base64","media_type":"image/png","data":"AAAA"}}]')
  text = anthropic.encode(user { { type = "result", id = "a", name = "shot", text = "bad",
    error = true, images = { { media_type = "image/png", data = "AAAA" } } } })
  t.contains(text, '"content":"bad","is_error":true') -- the API takes text alone there
end)

t.test("bytes that are no UTF-8 cannot spoil a request", function()
  local result = { type = "result", id = "a", name = "bash", text = "x\xFFy" }
  t.contains(anthropic.encode(user { result }), '"content":"x\u{FFFD}y"')
end)

t.test("blank text is left out, and a message is never empty", function()
  local texts = { { type = "text", text = "\n\n" }, { type = "text", text = "a" } }
  t.equal(anthropic.encode(assistant(texts)),
    '{"role":"assistant","content":[{"type":"text","text":"a"}]}')
  t.contains(anthropic.encode(assistant {}), '"text":"(nothing)"')
end)

t.test("what belongs to another provider is not sent to this one", function()
  t.equal(anthropic.encode { role = "assistant", content = {
    { type = "thinking", text = "hm", opaque = '{"x":1}', dialect = "openai" },
    { type = "opaque", opaque = '{"y":1}', dialect = "openai" },
    { type = "text", text = "so", opaque = '{"z":1}', dialect = "openai" },
  } }, '{"role":"assistant","content":[{"type":"text","text":"so"}]}')
end)

-- in ----------------------------------------------------------------------------------------------

t.test("text comes in pieces and out whole", function()
  local reply, err, seen, text = play(started(opened(0, { type = "text", text = "" }),
    delta(0, { type = "text_delta", text = "Good " }), { type = "ping" },
    delta(0, { type = "text_delta", text = "day \u{1F680}" }), closed(0),
    { type = "message_delta", delta = { stop_reason = "end_turn" },
      usage = { output_tokens = 7 } }, STOP))
  t.falsy(err)
  t.equal(text, "Good day \u{1F680}")
  t.equal(reply.content, { { type = "text", text = "Good day \u{1F680}" } })
  t.equal({ reply.stop, reply.stop_raw }, { "end", "end_turn" })
  t.equal({ reply.id, reply.model }, { "msg_1", "m" })
  t.equal(reply.usage, { input = 3, output = 7 })
  t.equal(seen[#seen], { kind = "stop", stop = "end", stop_raw = "end_turn" })
end)

t.test("several calls in one reply keep their order and their bytes", function()
  local reply, _, seen = play(started(
    opened(0, { type = "tool_use", id = "a", name = "read", input = {} }),
    opened(1, { type = "tool_use", id = "b", name = "glob", input = {} }),
    typed(1, '{"pattern": "*'), typed(0, '{"path":"x"}'), typed(1, '.c"}'),
    closed(1), closed(0), ended("tool_use"), STOP))
  t.equal(reply.stop, "calls")
  t.equal(reply.content, {
    { type = "call", id = "a", name = "read", input = '{"path":"x"}' },
    { type = "call", id = "b", name = "glob", input = '{"pattern": "*.c"}' } })
  t.equal(seen[2], { kind = "call", id = "b", name = "glob", input = '{"pattern": "*.c"}' })
end)

t.test("two calls with one id are no reply: a result would answer either", function()
  local _, err = play(started(opened(0, { type = "tool_use", id = "a", name = "read", input = {} }), closed(0),
    opened(1, { type = "tool_use", id = "a", name = "glob", input = {} }), closed(1), ended("tool_use"), STOP))
  t.contains(err and err.message, "two calls with one id")
end)

t.test("a call whose arguments break off keeps them as they were sent", function()
  local reply = play(started(opened(0, { type = "tool_use", id = "a", name = "read", input = {} }),
    typed(0, '{"path": "a'), closed(0), ended("tool_use"), STOP))
  t.equal(reply.content[1].input, '{"path": "a')
end)

t.test("a call without arguments has an empty object", function()
  local reply = play(started(opened_as(0, '{"type":"tool_use","id":"a","name":"now","input":{}}'),
    closed(0), ended("tool_use"), STOP))
  t.equal(reply.content[1].input, "{}")
end)

t.test("a call that code of the server's made goes back with its caller", function()
  local call = '{"type":"tool_use","id":"a","name":"read","input":%s,'
    .. '"caller":{"type":"code_execution_20260120","tool_id":"s"}}'
  local reply = play(started(opened_as(0, call:format("{}")), typed(0, '{"n": 1}'), closed(0),
    ended("tool_use"), STOP))
  t.equal(reply.content[1].input, '{"n": 1}')
  t.equal(anthropic.encode(assistant(reply.content)),
    '{"role":"assistant","content":[' .. call:format('{"n": 1}') .. "]}")
end)

t.test("thinking goes back whole, signature and unknown keys included", function()
  local reply, _, seen = play(started(
    opened_as(0, '{"type":"thinking","thinking":"","signature":"","later":[]}'),
    delta(0, { type = "thinking_delta", thinking = "Let me " }),
    delta(0, { type = "thinking_delta", thinking = "see." }),
    delta(0, { type = "signature_delta", signature = "c2ln" }), closed(0), ended("end_turn"), STOP))
  local block = reply.content[1]
  t.equal({ block.type, block.text }, { "thinking", "Let me see." })
  t.equal(block.opaque,
    '{"type":"thinking","thinking":"Let me see.","signature":"c2ln","later":[]}')
  t.equal(seen[2].kind, "thinking")
  t.equal(anthropic.encode(assistant(reply.content)),
    '{"role":"assistant","content":[' .. block.opaque .. "]}")
end)

t.test("blocks of the provider's own go back unchanged", function()
  local redacted = '{"type":"redacted_thinking","data":"RW1w"}'
  local found = '{"type":"web_search_tool_result","tool_use_id":"s","content":[],'
    .. '"big":9007199254740993}'
  local asked = '{"type":"server_tool_use","id":"s","name":"web_search","input":%s}'
  local reply = play(started(opened_as(0, redacted), closed(0),
    opened_as(1, asked:format("{}")), typed(1, '{"query": "moon"}'), closed(1),
    opened_as(2, found), closed(2), ended("end_turn"), STOP))
  t.equal(anthropic.encode(assistant(reply.content)), '{"role":"assistant","content":['
    .. table.concat({ redacted, asked:format('{"query": "moon"}'), found }, ",") .. "]}")
end)

t.test("what the server did with its own tools is told and kept", function()
  local reply, err, seen = play(started(
    opened_as(0, '{"type":"server_tool_use","id":"s1","name":"text_editor_code_execution","input":{}}'),
    { type = "content_block_delta", index = 0, delta = { type = "input_json_delta",
      partial_json = '{"command":"create","path":"a"}' } }, closed(0),
    opened_as(1, '{"type":"text_editor_code_execution_tool_result","tool_use_id":"s1","content":'
      .. '{"type":"text_editor_code_execution_create_result","is_file_update":false}}'), closed(1),
    opened_as(2, '{"type":"code_execution_tool_result","tool_use_id":"other","content":{"type":'
      .. '"code_execution_result","return_code":1,"stdout":"","stderr":"","content":['
      .. '{"type":"code_execution_output","file_id":"file_1"},{"type":"code_execution_output","file_id":7}]}}'),
    closed(2),
    opened_as(3, '{"type":"web_search_tool_result","tool_use_id":3,"content":{"type":'
      .. '"web_search_tool_result_error","error_code":"max_uses_exceeded"}}'), closed(3),
    { type = "message_delta", delta = { stop_reason = "end_turn" },
      usage = { output_tokens = 9, server_tool_use = { web_search_requests = 1, web_fetch_requests = 4 } } }, STOP))
  t.falsy(err)
  t.equal(reply.served, {
    { tool = "code_execution", what = "create" },
    { tool = "code_execution", exit_code = 1, files = { { id = "file_1" } } },
    { tool = "web_search", error = "max_uses_exceeded" },
  })
  t.equal({ reply.usage.searches, reply.usage.fetches, reply.usage.code_runs }, { 1, 4, 2 })
  local told = 0
  for _, event in ipairs(seen) do told = told + (event.kind == "served" and 1 or 0) end
  t.equal(told, 3, "each as it happens")
end)

t.test("whatever a server says of its tools, nothing raises", function()
  for _, content in ipairs { "3", "null", "[]", '"x"', "{}", '{"type":7,"return_code":"x"}',
    '{"type":"code_execution_result","content":[3,null,{}],"return_code":1e99}' } do
    for _, kind in ipairs { "web_fetch", "code_execution", "web_search", "bash_code_execution" } do
      local block = ('{"type":"%s_tool_result","tool_use_id":null,"content":%s}'):format(kind, content)
      local reply, err = play(started(opened_as(0, block), closed(0), STOP))
      t.falsy(err, kind .. " " .. content)
      t.equal(#reply.served, 1)
    end
  end
end)

t.test("sources are what texts cite, each once", function()
  local function cited(index, citation)
    return '{"type":"content_block_delta","index":' .. index .. ',"delta":{"type":"citations_delta","citation":' .. citation .. "}}"
  end
  local reply = play(started(
    opened_as(0, '{"type":"web_fetch_tool_result","tool_use_id":"s","content":{"type":"web_fetch_result",'
      .. '"url":"https://a.example/","content":{"type":"document","title":"A"}}}'), closed(0),
    opened_as(1, '{"citations":[],"type":"text","text":"It is."}'),
    cited(1, '{"type":"char_location","document_title":"A","cited_text":"x"}'),
    cited(1, '{"type":"web_search_result_location","url":"https://b.example/","title":"B\\u001b[1m"}'),
    cited(1, '{"type":"web_search_result_location","url":"https://b.example/","title":null}'),
    cited(1, '{"type":"page_location","document_title":null}'), closed(1), STOP))
  t.equal(reply.sources, { { url = "https://a.example/", title = "A" },
    { url = "https://b.example/", title = "B [1m" } })
end)

t.test("a text's citations are kept for the way back", function()
  local cited = '{"url":"u","encrypted_index":"e"}'
  local reply = play(started(opened_as(0, '{"citations":[],"type":"text","text":""}'),
    said_in(0, "It is."), '{"type":"content_block_delta","index":0,"delta":'
      .. '{"type":"citations_delta","citation":' .. cited .. "}}",
    closed(0), ended("end_turn"), STOP))
  t.equal(reply.content[1].text, "It is.")
  t.contains(anthropic.encode(assistant(reply.content)),
    '{"citations":[' .. cited .. '],"type":"text","text":"It is."}')
end)

t.test("what the API may add later is passed over", function()
  local reply, err = play(started({ type = "weather", rain = true }, "[DONE]",
    opened(0, { type = "text", text = "" }), delta(0, { type = "text_delta", text = "ok" }),
    delta(0, { type = "sparkle_delta", sparkle = 1 }), closed(0),
    opened(1, { type = "hologram", data = "d" }),
    delta(1, { type = "hologram_delta", data = "e" }), closed(1), ended("bored"), STOP))
  t.falsy(err)
  t.equal({ reply.stop, reply.stop_raw }, { "other", "bored" })
  t.equal(anthropic.encode(assistant(reply.content)),
    '{"role":"assistant","content":[{"type":"text","text":"ok"}]}',
    "a block in unknown pieces is not sent back")
end)

t.test("each reason to stop has its word", function()
  for raw, word in pairs { end_turn = "end", stop_sequence = "end", tool_use = "calls",
    max_tokens = "length",
    refusal = "refusal", pause_turn = "pause", model_context_window_exceeded = "context" } do
    t.equal(play(started(ended(raw), STOP)).stop, word, raw)
  end
end)

t.test("the container of the server's own code is named in later requests", function()
  local reply = play { { type = "message_start", message = { id = "m", container = { id = "c_1" } } }, STOP }
  t.equal(reply.container, "c_1")
  reply = play(started({ type = "message_delta", delta = { stop_reason = "pause_turn",
    container = { id = "c_2" } } }, STOP))
  t.equal(reply.container, "c_2")
  t.contains(request({ container = "c_2" }).body, '"container":"c_2"')
end)

t.test("the server is asked why its cache missed, and its answer is kept", function()
  t.contains(request({ diagnose = true }).body, '"diagnostics":{"previous_message_id":null}')
  t.contains(request({ diagnose = true, previous = "m0" }).body, '"diagnostics":{"previous_message_id":"m0"}')
  t.falsy(request({ diagnose = true, legacy = true }).body:find("diagnostics", 1, true))
  local function asked(diagnostics)
    return play { { type = "message_start", message = { id = "m", diagnostics = diagnostics } }, STOP }
  end
  t.equal(asked({ cache_miss_reason = { type = "tools_changed", cache_missed_input_tokens = 99 } }).cache_miss,
    { why = "tools_changed", tokens = 99 })
  t.equal(asked({ cache_miss_reason = json.null }).cache_miss, nil)
  t.equal(asked({ cache_miss_reason = { type = 3 } }).cache_miss, nil)
  t.equal(asked("nonsense").cache_miss, nil)
end)

t.test("a mark moves with the conversation only where the server would not look", function()
  local function said(role, text) return ('{"role":"%s","content":[{"type":"text","text":"%s"}]}'):format(role, text) end
  local messages = { said("user", "a"), said("assistant", "b"), said("user", "c") }
  local MARK <const> = ',"cache_control":{"type":"ephemeral"}'
  local near = request({ messages = messages, blocks = { 1, 10, 9 } }).body
  t.contains(near, '"messages":[' .. table.concat(messages, ",") .. "]")
  local far = request({ messages = messages, blocks = { 1, 10, 10 } }).body
  t.contains(far, '{"type":"text","text":"a"' .. MARK .. "}]}," .. messages[2] .. "," .. messages[3])
  local old = request({ messages = messages, blocks = { 1, 11, 10 }, legacy = true }).body
  t.contains(old, '{"type":"text","text":"a"' .. MARK .. "}]}," .. messages[2] .. ',{"role":"user","content":[{"type":"text","text":"c"'
    .. MARK .. "}]}]")
  t.equal(select(2, old:gsub("cache_control", "")), 3)
  -- a pause goes back with the model's own words last: nothing of theirs is marked
  local paused = request({ messages = { messages[1], messages[2] }, blocks = { 1, 30 }, legacy = true }).body
  t.contains(paused, messages[2] .. "]")
end)

t.test("a refusal says its category", function()
  local reply = play(started({ type = "message_delta", delta = { stop_reason = "refusal",
    stop_details = { type = "refusal", category = "cyber", explanation = "No." } } }, STOP))
  t.equal(reply.refusal, { category = "cyber", explanation = "No." })
end)

t.test("a stream that ends early can be asked for again, and what was said is kept", function()
  local reply, err = play(started(opened(0, { type = "text", text = "" }), said_in(0, "Half a")))
  t.falsy(reply)
  t.equal({ err.code, err.retryable, err.details.partial }, { "protocol", true, "Half a" })
end)

t.test("an error in the stream is that error, and what was said is kept", function()
  local _, err, seen = play(started(opened(0, { type = "text", text = "Well" }),
    { type = "error", error = { type = "overloaded_error", message = "Overloaded" } }, STOP))
  t.equal({ err.code, err.retryable, err.details.partial, err.details.type },
    { "unavailable", true, "Well", "overloaded_error" })
  t.contains(err.message, "overloaded_error: Overloaded")
  t.equal(seen[#seen].kind, "error")
end)

t.test("garbage in a stream is an error, never a Lua error", function()
  local garbage = {
    '{"type":"content_block_delta","ind', "3", "null", "[]x", '"text"',
    delta(0, { type = "text_delta", text = "no block" }), closed(4),
    opened("zero", { type = "text" }), { type = "content_block_start", index = 0 }, opened(0, {}),
    opened(0, { type = "tool_use" }), { type = "message_start" }, "\xFF\xFE", "NaN",
  }
  for i, event in ipairs(garbage) do
    local state = anthropic.begin()
    anthropic.event(state, "message_start", '{"type":"message_start","message":{}}')
    local data = type(event) == "string" and event or json.encode(event)
    local seen = anthropic.event(state,
      type(event) == "table" and event.type or "content_block_delta", data)
    t.equal(seen[1] and seen[1].kind, "error", "case " .. i)
    local _, err = anthropic.finish(state)
    t.equal({ err.code, err.retryable }, { "protocol", false }, "case " .. i)
  end
end)

t.test("a delta that does not fit its block is an error", function()
  for _, piece in ipairs { { type = "input_json_delta", partial_json = "{}" },
    { type = "text_delta" }, { type = "text_delta", text = 5 },
    { type = "thinking_delta", thinking = "x" }, { text = "x" } } do
    local _, err = play(started(opened(0, { type = "text", text = "" }), delta(0, piece)))
    t.equal(err.code, "protocol")
  end
end)

t.test("two calls with one id are an error: their results could not be told apart", function()
  local call = { type = "tool_use", id = "a", name = "read", input = {} }
  local _, err = play(started(opened(0, call), closed(0), opened(1, call)))
  t.equal({ err.code, err.retryable }, { "protocol", false })
  t.contains(err.message, "two calls with one id")
end)

t.test("usage that goes backwards gives no budget back", function()
  local reply = play(started({ type = "message_delta", delta = { stop_reason = "end_turn" },
    usage = { output_tokens = 9, input_tokens = 3 } },
    { type = "message_delta", delta = {}, usage = { output_tokens = 4, input_tokens = -1 } }, STOP))
  t.equal(reply.usage, { input = 3, output = 9 })
end)

t.test("fields of a wrong kind do no harm", function()
  local reply = play { '{"type":"message_start","message":'
      .. '{"id":7,"model":null,"usage":{"input_tokens":"x"}}}',
    '{"type":"message_delta","delta":null,"usage":null}', STOP }
  t.equal({ reply.stop, #reply.content }, { "end", 0 })
  t.falsy(reply.usage)
end)

-- answers that are no stream ----------------------------------------------------------------------

local function failed(status, body, headers)
  return anthropic.failure(status, headers or {}, body)
end

local function said(kind, message)
  return json.encode { type = "error", error = { type = kind, message = message } }
end

t.test("each status becomes a code, and only what may pass is retried", function()
  for _, case in ipairs {
    { 400, "invalid", false }, { 401, "denied", false }, { 402, "limit", false },
    { 403, "denied", false }, { 404, "not_found", false }, { 408, "timeout", true },
    { 409, "unavailable", true }, { 413, "limit", false }, { 418, "invalid", false },
    { 422, "invalid", false }, { 429, "unavailable", true }, { 500, "unavailable", true },
    { 503, "unavailable", true }, { 529, "unavailable", true }, { 302, "protocol", false },
    { 200, "protocol", false },
  } do
    local err = failed(case[1], said("some_error", "Because."))
    t.equal({ err.code, err.retryable, err.details.status }, { case[2], case[3], case[1] })
    t.contains(err.message, "Because.")
  end
end)

t.test("the server's own word on retries counts", function()
  t.equal(failed(500, "", { ["x-should-retry"] = "false" }).retryable, false)
  t.equal(failed(404, "", { ["x-should-retry"] = "true" }).retryable, true)
end)

t.test("a spending limit is not a rate limit", function()
  local err = failed(429, '{"error":{"type":"rate_limit_error","message":"Spent.",'
    .. '"details":{"error_code":"enforced_spend_limit_reached"}}}')
  t.equal({ err.code, err.retryable, err.details.reason },
    { "limit", false, "enforced_spend_limit_reached" })
end)

t.test("how long to wait is read from either header", function()
  local function wait(headers) return failed(429, "", headers).details.retry_after_ms end
  t.equal(wait { ["retry-after-ms"] = "1500.2", ["retry-after"] = "9" }, 1501)
  t.equal(wait { ["retry-after"] = "2" }, 2000)
  t.equal(wait { ["retry-after"] = "Sun, 22 Nov 2026 21:00:05 GMT",
    date = "Sun, 22 Nov 2026 20:59:55 GMT" }, 10000)
  t.equal(wait { ["retry-after"] = "Sun, 01 Mar 2026 00:00:00 GMT",
    date = "Sat, 28 Feb 2026 23:59:59 GMT" }, 1000)
  for _, nonsense in ipairs { "soon", "-1", "nan", "1e99", "Sun, 99 Foo 2026 21:00:05 GMT" } do
    t.falsy(wait { ["retry-after"] = nonsense, date = "Sun, 22 Nov 2026 20:59:55 GMT" }, nonsense)
  end
end)

t.test("a page of HTML is named as one, and long words are cut", function()
  local err = failed(502, "<html><head><title>Bad Gateway</title></head><body>" .. ("x"):rep(9000))
  t.contains(err.message, 'an HTML page, "Bad Gateway"')
  t.truthy(#failed(500, ("\u{e9}"):rep(9000)).message < 400)
  t.truthy(utf8.len(failed(500, ("\u{e9}"):rep(9000)).message))
  t.falsy(failed(500, "two\nlines").message:find("\n", 1, true))
end)

t.test("an answer that is no stream says what it was instead", function()
  local err = failed(200, "<html><title>Login</title>", { ["content-type"] = "text/html" })
  t.equal(err.code, "protocol")
  t.contains(err.message, "expected a stream of events, got text/html")
end)

t.test("only a refusal that may be about the form asks for the older one", function()
  t.equal(anthropic.wants_legacy(failed(401, "")), true)
  local function refused(message) return failed(400, said("invalid_request_error", message)) end
  t.equal(anthropic.wants_legacy(refused("cache_control: Extra inputs are not permitted")), true)
  t.equal(anthropic.wants_legacy(refused("messages: too many")), false)
  t.equal(anthropic.wants_legacy(failed(500, "api-key")), false)
end)

-- recorded ----------------------------------------------------------------------------------------

--- Replies of the real API, kept outside this repository.
local function recorded(world, name)
  local bytes = world.shared("streams/anthropic/" .. name)
  if not bytes then t.skip("PERIGEE_SHARED is not set: recorded streams are not here") end
  local events = {}
  for line in bytes:gmatch("[^\n]+") do events[#events + 1] = line end
  local reply, err, _, text = play(events)
  t.falsy(err)
  return reply, text, events
end

t.test("a recorded reply reads as a person reads it", function(world)
  local reply, text = recorded(world, "anthropic-text.chunks.txt")
  t.contains(text, "Hello! I'm doing well")
  t.contains(text, "today? Is there anything") -- one space where two pieces meet
  t.equal(#text, 108)
  t.equal(reply.content, { { type = "text", text = text } })
  t.equal(reply.usage, { input = 12, output = 30, cache_read = 0, cache_write = 0 })
  t.equal(reply.model, "claude-sonnet-4-5-20250929")
end)

t.test("a recorded call without arguments is a call with an empty object", function(world)
  local reply, text = recorded(world, "anthropic-tool-no-args.chunks.txt")
  t.contains(text, "issue list for you.")
  t.equal(reply.stop, "calls")
  t.equal(reply.content[2], { type = "call", id = "toolu_01QE1WLsSVp5hy5Q3GmGTmjP",
    name = "updateIssueList", input = "{}" })
end)

t.test("a recorded search goes back with every block as it came", function(world)
  local reply, text, events = recorded(world, "anthropic-web-search-tool.1.chunks.txt")
  t.contains(text, "Based on my search results, here are the key")
  t.equal(#reply.content, 21)
  t.equal(reply.usage.searches, 1)
  local sent = json.decode(anthropic.encode(assistant(reply.content))).content
  t.equal(sent[1].input.query, "tech news today September 26 2025")
  t.equal(sent[2], json.decode(events[9]).content_block)
  t.equal(#sent[4].citations, 3)
end)
