--- The Responses API: what goes out byte for byte, and what comes in however it is broken.
local json = require "lib.json"
local responses = require "dialects.openai_responses"
local t = require "lib.test"

local function play(events)
  local state, seen, text = responses.begin(), {}, {}
  for _, event in ipairs(events) do
    local data = type(event) == "string" and event or json.encode(event)
    local decoded = json.decode(data)
    local name = type(decoded) == "table" and decoded.type or "message"
    for _, ours in ipairs(responses.event(state, name, data)) do
      seen[#seen + 1] = ours
      if ours.kind == "text" then text[#text + 1] = ours.text end
    end
  end
  local reply, err = responses.finish(state)
  return reply, err, seen, table.concat(text)
end

--- The events of one item; `item` is JSON text, whose order of keys counts.
local function added(index, item)
  return ('{"type":"response.output_item.added","output_index":%d,"item":%s}'):format(index, item)
end
local function done(index, item)
  return ('{"type":"response.output_item.done","output_index":%d,"item":%s}'):format(index, item)
end
local function delta(index, kind, text)
  return { type = "response." .. kind .. ".delta", output_index = index, delta = text }
end
local function ended(fields)
  local response = { status = "completed" }
  for key, value in pairs(fields or {}) do response[key] = value end
  return { type = "response.completed", response = response }
end

local CREATED <const> = '{"type":"response.created","response":{"id":"r1","model":"m"}}'
local OPEN <const> = '{"id":"msg_1","type":"message","role":"assistant","content":[]}'
local function message(text)
  return ('{"id":"msg_1","type":"message","role":"assistant","phase":"final_answer","content":'
    .. '[{"type":"output_text","text":%s,"annotations":[]}]}'):format(json.encode(text))
end
local function call(kind, id, field, text)
  return ('{"id":"fc_1","type":"%s","call_id":"%s","name":"read","%s":%s}')
    :format(kind, id, field, json.encode(text))
end

local function encode(role, content) return responses.encode { role = role, content = content } end

local function request(changes)
  local req = { model = "m", system = "Be brief.", max_tokens = 100,
    tools = { { name = "read", description = "Reads.", schema = '{"type":"object"}' } },
    messages = { '{"role":"user","content":"hi"}' } }
  for key, value in pairs(changes or {}) do req[key] = value end
  return req
end

-- out ---------------------------------------------------------------------------------------------

t.test("a request is the same bytes for the same conversation, and nothing is stored", function()
  local built = responses.request(request())
  t.equal(built.body, '{"model":"m","max_output_tokens":100,"stream":true,"store":false,'
    .. '"tools":[{"type":"function","name":"read","description":"Reads.",'
    .. '"parameters":{"type":"object"},"strict":false}],"instructions":"Be brief.",'
    .. '"input":[{"role":"user","content":"hi"}]}')
  t.equal({ built.path, built.secret_header, built.secret_prefix },
    { "/responses", "authorization", "Bearer " })
end)

t.test("the provider's own server is asked why its cache missed", function()
  local asked = { diagnose = true, marks = true, previous = "resp_1" }
  t.contains(responses.request(request(asked)).body,
    '"prompt_cache_options":{"comparison_response_id":"resp_1"}')
  for _, missing in ipairs { "diagnose", "marks", "previous" } do
    local some = { diagnose = true, marks = true, previous = "resp_1" }
    some[missing] = nil
    t.falsy(responses.request(request(some)).body:find("prompt_cache_options", 1, true), missing)
  end
  local function told(diagnostics)
    local reply = play { CREATED, ended { prompt_cache_diagnostics = diagnostics } }
    return reply.cache_miss
  end
  t.equal(told { type = "cache_miss", reason = "tools_changed", cache_missed_tokens = 900 },
    { why = "tools_changed", tokens = 900 })
  t.falsy(told { type = "cache_hit" })
  t.falsy(told { type = "cache_miss" })
  t.falsy(told "no")
end)

t.test("searches cost what the server counts, not what it went through", function()
  local search = '{"type":"web_search_call","id":"w1","status":"completed","action":{"type":"search"}}'
  local function counted(fields)
    fields.usage = { input_tokens = 5, output_tokens = 1 }
    return play { CREATED, added(0, search), done(0, search), ended(fields) }.usage.searches
  end
  t.equal(counted {}, 1)
  t.equal(counted { tool_usage = { web_search = { num_requests = 3 } } }, 3)
  t.falsy(counted { tool_usage = { web_search = { num_requests = 0 } } })
  t.equal(counted { tool_usage = { web_search = { num_requests = -2 } } }, 1)
end)

t.test("a policy's refusal in a stream is not asked about again", function()
  for _, code in ipairs { "misalignment_policy_violation", "data_residency_mismatch",
    "invalid_base64_image" } do
    local _, err = play { CREATED, { type = "response.failed", response = { status = "failed",
      error = { code = code, message = "no" } } } }
    t.equal({ err.code, err.retryable }, { "invalid", false }, code)
  end
end)

t.test("those who begin alike share a key, and a mark where the shared part ends", function()
  local body = responses.request(request { cache_key = "k1" }).body
  t.contains(body, '"store":false,"prompt_cache_key":"k1"')
  t.contains(body, '"instructions":"Be brief."')
  body = responses.request(request { cache_key = "k1", marks = true }).body
  t.contains(body, '"input":[{"role":"developer","content":[{"type":"input_text","text":"Be brief.",'
    .. '"prompt_cache_breakpoint":{"mode":"explicit"}}]},{"role":"user","content":"hi"}]')
  t.falsy(body:find("instructions", 1, true))
  t.contains(responses.count(request { marks = true }).body, '"role":"developer"')
end)

t.test("a call of the server's own program goes back with its caller", function()
  local item = '{"id":"fc_1","type":"function_call","call_id":"a","name":"read","arguments":"{ }",'
    .. '"caller":{"type":"program","caller_id":"p1"}}'
  local reply = play { CREATED, added(0, item), done(0, item), ended() }
  t.equal({ reply.content[1].id, reply.content[1].input }, { "a", "{ }" })
  t.equal(encode("assistant", reply.content), item)
  local direct = item:gsub('"type":"program","caller_id":"p1"', '"type":"direct"')
  reply = play { CREATED, added(0, direct), done(0, direct), ended() }
  t.equal(reply.content[1].opaque, nil)
end)

t.test("a model that reasons is asked for a summary and for what it can be sent back", function()
  local body = responses.request(request { thinking = "adaptive", effort = "low" }).body
  t.contains(body, '"include":["reasoning.encrypted_content"],'
    .. '"reasoning":{"effort":"low","summary":"auto"}')
  t.contains(responses.request(request { thinking = "off" }).body, '"reasoning":{"effort":"none"}')
end)

t.test("a schema for the answer goes out, and a tool without one is a custom tool", function()
  local body = responses.request(request { output = { name = "sum", schema = '{"type":"object"}' },
    tools = { { name = "sql", description = "Asks." } } }).body
  t.contains(body, '"text":{"format":{"type":"json_schema","name":"sum","strict":true,'
    .. '"schema":{"type":"object"}}}')
  t.contains(body, '"tools":[{"type":"custom","name":"sql","description":"Asks."}]')
end)

t.test("tokens can be counted before they are spent", function()
  local built = responses.count(request())
  t.equal(built.path, "/responses/input_tokens")
  t.falsy(built.body:find('"stream"', 1, true))
  t.equal(responses.counted('{"object":"response.input_tokens","input_tokens":11}'), 11)
  t.falsy(responses.counted("<html>"))
end)

t.test("a tool that the server may carry out itself is sent as the server's own", function()
  local search = { name = "web_search", description = "Finds.", schema = "{}", server = true }
  t.contains(responses.request(request { tools = { search } }).body,
    '"tools":[{"type":"web_search"}]')
  local code = { name = "code_execution", schema = "{}", server = true }
  local body = responses.request(request { tools = { code }, thinking = "adaptive" }).body
  t.contains(body, '"tools":[{"type":"code_interpreter","container":{"type":"auto","network_policy":{"type":"disabled"}}}]')
  t.contains(body, '"include":["reasoning.encrypted_content","code_interpreter_call.outputs"]')
end)

t.test("what a user says and what tools answered are items of their own", function()
  t.equal(encode("user", { { type = "result", id = "a", name = "read", text = "one" },
    { type = "result", id = "b", name = "bash", text = "bad", error = true },
    { type = "text", text = "Go on." } }),
    '{"type":"function_call_output","call_id":"a","output":"one"},'
    .. '{"type":"function_call_output","call_id":"b","output":"[error] bad"},'
    .. '{"role":"user","content":"Go on."}')
  t.contains(encode("user", { { type = "result", id = "a", name = "read", text = "a picture",
    images = { { media_type = "image/png", data = "AAAA" } } } }),
    '"output":[{"type":"input_text","text":"a picture"},{"type":"input_image","detail":"auto",'
    .. '"image_url":"data:image/png;base64,AAAA"}]')
  t.equal(encode("assistant", {}), '{"role":"assistant","content":"(nothing)"}')
end)

-- in ----------------------------------------------------------------------------------------------

t.test("text comes in pieces and out whole, and goes back as it came", function()
  local whole = message "Good day \u{1F680}"
  local reply, err, seen, text = play { CREATED, added(0, OPEN), delta(0, "output_text", "Good "),
    delta(0, "output_text", "day \u{1F680}"), done(0, whole),
    ended { usage = { input_tokens = 9, output_tokens = 4,
      input_tokens_details = { cached_tokens = 5, cache_write_tokens = 1 } } } }
  t.falsy(err)
  t.equal({ text, reply.content[1].text }, { "Good day \u{1F680}", "Good day \u{1F680}" })
  t.equal(encode("assistant", reply.content), whole)
  t.equal({ reply.stop, reply.stop_raw, reply.id, reply.model }, { "end", "completed", "r1", "m" })
  t.equal(reply.usage, { input = 3, output = 4, cache_read = 5, cache_write = 1 })
  t.equal(seen[#seen], { kind = "stop", stop = "end", stop_raw = "completed" })
end)

t.test("several calls keep their order and their bytes; broken arguments go back empty", function()
  local reply, _, seen = play { CREATED, added(0, call("function_call", "a", "arguments", "")),
    added(1, call("function_call", "b", "arguments", "")),
    delta(0, "function_call_arguments", '{"n": 1'), delta(0, "function_call_arguments", ".50}"),
    done(1, call("function_call", "b", "arguments", '{"broken')),
    done(0, call("function_call", "a", "arguments", '{"n": 1.50}')), ended() }
  t.equal(reply.stop, "calls")
  t.equal(reply.content, { { type = "call", id = "a", name = "read", input = '{"n": 1.50}' },
    { type = "call", id = "b", name = "read", input = '{"broken' } })
  t.equal({ seen[1].id, seen[2].id }, { "b", "a" })
  t.equal(encode("assistant", reply.content),
    '{"type":"function_call","call_id":"a","name":"read","arguments":"{\\"n\\": 1.50}"},'
    .. '{"type":"function_call","call_id":"b","name":"read","arguments":"{}"}')
end)

t.test("a custom tool's text comes as an object's, and its result in its own form", function()
  local reply = play { CREATED, added(0, call("custom_tool_call", "a", "input", "")),
    delta(0, "custom_tool_call_input", "select"),
    done(0, call("custom_tool_call", "a", "input", 'select "1"')), ended() }
  local block = reply.content[1]
  t.equal({ block.id, json.decode(block.input).input }, { "custom-a", 'select "1"' })
  t.equal(encode("assistant", reply.content), '{"type":"custom_tool_call","call_id":"a",'
    .. '"name":"read","input":"select \\"1\\""}')
  t.equal(encode("user", { { type = "result", id = block.id, name = "read", text = "1" } }),
    '{"type":"custom_tool_call_output","call_id":"a","output":"1"}')
end)

t.test("encrypted reasoning goes back whole; without it there is nothing to send", function()
  local open = '{"id":"rs_1","type":"reasoning","summary":[]}'
  local whole = '{"id":"rs_1","type":"reasoning","encrypted_content":"RW1w","summary":'
    .. '[{"type":"summary_text","text":"Let me see."}],"later":[]}'
  for sent, back in pairs { [whole] = whole,
    [open] = '{"role":"assistant","content":"(nothing)"}' } do
    local reply, _, seen = play { CREATED, added(0, open),
      { type = "response.reasoning_summary_part.added", output_index = 0 },
      delta(0, "reasoning_summary_text", "Let me "), delta(0, "reasoning_summary_text", "see."),
      { type = "response.reasoning_summary_part.added", output_index = 0 },
      delta(0, "reasoning_text", "So."), done(0, sent), ended() }
    t.equal({ reply.content[1].type, reply.content[1].text },
      { "thinking", "Let me see.\n\nSo." })
    t.equal(seen[1], { kind = "thinking", text = "Let me " })
    t.equal(encode("assistant", reply.content), back)
  end
end)

t.test("the server's own tools and what comes later go back as they came", function()
  local item = '{"id":"ws_1","type":"web_search_call","action":{"query":"moon"},"n":9007199254740993}'
  local reply, err = play { CREATED, { type = "response.web_search_call.searching" },
    added(0, '{"id":"ws_1","type":"web_search_call"}'), done(0, item), { type = "response.new" },
    ended() }
  t.falsy(err)
  t.equal(encode("assistant", reply.content), item)
end)

t.test("a reply that a limit cut keeps its text, and says which limit", function()
  for reason, stop in pairs { max_output_tokens = "length", content_filter = "refusal",
    later = "length" } do
    local reply = play { CREATED, added(0, OPEN), delta(0, "output_text", "Half a"),
      { type = "response.incomplete", response = { status = "incomplete",
        incomplete_details = { reason = reason } } } }
    t.equal({ reply.stop, reply.stop_raw, reply.content[1].text }, { stop, reason, "Half a" })
  end
end)

t.test("a refusal is text that says so", function()
  local reply, _, _, text = play { CREATED, added(0, OPEN), delta(0, "refusal", "I will not."),
    done(0, '{"type":"message","role":"assistant","content":'
      .. '[{"type":"refusal","refusal":"I will not."}]}'), ended() }
  t.equal({ reply.stop, reply.refusal.explanation, text },
    { "refusal", "I will not.", "I will not." })
end)

t.test("a failure in the stream is that error, and what was said is kept", function()
  for _, case in ipairs {
    { '{"type":"response.failed","response":{"error":{"code":"server_error","message":"Busy"}}}',
      "unavailable", true },
    { '{"type":"error","code":"rate_limit_exceeded","message":"Busy"}', "unavailable", true },
    { '{"type":"error","error":{"type":"invalid_request_error","message":"Busy"}}',
      "invalid", false },
    { '{"type":"error","code":"insufficient_quota","message":"Busy"}', "limit", false },
  } do
    local _, err, seen = play { CREATED, added(0, OPEN), delta(0, "output_text", "Well"), case[1] }
    t.equal({ err.code, err.retryable, err.details.partial }, { case[2], case[3], "Well" }, case[1])
    t.contains(err.message, "Busy")
    t.equal(seen[#seen].kind, "error")
  end
end)

t.test("a stream that ends early can be asked for again", function()
  for _, events in ipairs { {}, { CREATED, added(0, OPEN), delta(0, "output_text", "Half a") } } do
    local reply, err = play(events)
    t.falsy(reply)
    t.equal({ err.code, err.retryable }, { "protocol", true })
  end
end)

t.test("what contradicts itself is an error, never a Lua error", function()
  local read = call("function_call", "a", "arguments", "{}")
  for i, events in ipairs {
    { "{" }, { "3" }, { "NaN" }, { "\xFF\xFE" }, { '{"type":"response.output_item.added"}' },
    { '{"type":"response.output_item.done"}' }, { delta(0, "output_text", "no item") },
    { added(0, "3") }, { added(0, "{}") }, { added(0, OPEN), added(0, OPEN) },
    { added(0, OPEN), delta(0, "output_text", 5) }, { added(0, OPEN), ended() },
    { added(0, OPEN), delta(0, "function_call_arguments", "{}") },
    { added(0, OPEN), done(0, read) }, { added(0, OPEN), done(0, OPEN), done(0, OPEN) },
    { added(0, OPEN), done(0, OPEN), delta(0, "output_text", "late") },
    { added(0, read), done(0, '{"type":"function_call"}') },
    { added(0, read), done(0, read), added(1, read), done(1, read) },
  } do
    table.insert(events, 1, CREATED)
    local _, err, seen = play(events)
    t.equal({ err and err.code, err and err.retryable }, { "protocol", false }, "case " .. i)
    t.equal(seen[#seen].kind, "error", "case " .. i)
  end
end)

t.test("fields of a wrong kind do no harm", function()
  local reply = play { '{"type":"response.created","response":{"id":7,"model":null}}',
    '{"type":"response.completed","response":{"status":3,"usage":{"input_tokens":"x"}}}' }
  t.equal({ reply.stop, #reply.content }, { "end", 0 })
  t.falsy(reply.usage)
end)

-- recorded ----------------------------------------------------------------------------------------

--- Each reply of a recorded conversation.
local function recorded(world, name)
  local bytes = world.shared("streams/openai_responses/" .. name)
  if not bytes then t.skip("PERIGEE_SHARED is not set: recorded streams are not here") end
  local replies, events = {}, {}
  for line in bytes:gmatch("[^\n]+") do
    events[#events + 1] = line
    if line:find('"type":"response.completed"', 1, true) then
      local reply, err = play(events)
      t.falsy(err)
      replies[#replies + 1], events = reply, {}
    end
  end
  return replies
end

t.test("a recorded conversation with encrypted reasoning reads as a person reads it", function(world)
  local replies = recorded(world, "openai-reasoning-encrypted-content.1.chunks.txt")
  t.equal(#replies, 4)
  local first = replies[1]
  t.contains(first.content[1].text, "I'll compute 12 plus 7")
  t.equal({ first.content[2].name, first.content[2].input },
    { "calculator", '{"a":12,"b":7,"op":"add"}' })
  t.equal(first.stop, "calls")
  t.contains(encode("assistant", first.content), '"encrypted_content":"gAAAAABpPDIVOKrsHNZ0GwsoEKA')
  t.equal(replies[4].content[1].text, "The final result is **570**.")
  t.equal(replies[4].usage, { input = 299, output = 12, cache_read = 0 })
end)

t.test("a recorded search keeps its calls and its text", function(world)
  local reply = recorded(world, "openai-web-search-tool.1.chunks.txt")[1]
  local kinds = {}
  for _, block in ipairs(reply.content) do kinds[block.type] = (kinds[block.type] or 0) + 1 end
  t.equal(kinds.opaque, 6)
  t.equal(reply.usage.searches, 2) -- the others open what these found
  t.equal({ kinds.text, reply.stop }, { 1, "end" })
end)

t.test("what the server did with its own tools is told and kept", function()
  local code = '{"id":"ci_1","type":"code_interpreter_call","status":"%s","code":"print(1)\\nprint(2)","container_id":"c","outputs":null}'
  local search = '{"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"open_page","url":"https://a.example/"}}'
  local text = '{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"Plotted.","annotations":['
    .. '{"type":"container_file_citation","file_id":"cfile_1","filename":"plot.png","container_id":"c"},'
    .. '{"type":"url_citation","url":"https://a.example/","title":"A"},7,{"type":"url_citation","url":null}]}]}'
  local reply, err = play { CREATED, added(0, code:format("in_progress")), done(0, code:format("completed")),
    added(1, code:format("in_progress")), done(1, code:format("failed")),
    added(2, search), done(2, search), added(3, OPEN), done(3, text),
    ended { usage = { input_tokens = 5, output_tokens = 1 } } }
  t.falsy(err)
  t.equal(reply.served, {
    { tool = "code_execution", what = "print(1) print(2)" },
    { tool = "code_execution", what = "print(1) print(2)", error = "failed" },
    { tool = "web_fetch", what = "https://a.example/" },
    { tool = "code_execution", files = { { id = "cfile_1", name = "plot.png" } } },
  })
  t.equal(reply.sources, { { url = "https://a.example/", title = "A" } })
  t.equal({ reply.usage.code_runs, reply.usage.searches }, { 2 })
end)
