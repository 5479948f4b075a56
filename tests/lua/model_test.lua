--- Asking a model through a transport that plays from a script: streams, failures, retries, and the
--- older form.
local anthropic = require "dialects.anthropic"
local json = require "lib.json"
local model = require "lib.model"
local rehearsal = require "lib.rehearsal"
local t = require "lib.test"

local function said(text)
  return rehearsal.to_wire({ content = { { type = "text", text = text } }, stop = "end",
    stop_raw = "end_turn",
    model = "m", id = "msg_1", usage = { input = 4, output = 2 } }, "anthropic")
end

--- One answer of the transport: a stream's text, `cut` after some events or ended by `err`.
local function stream(text, cut, err)
  return { status = 200, type = "text/event-stream; charset=utf-8", text = text, cut = cut,
    err = err }
end

local function refused(status, kind, message, headers)
  return { status = status, type = "application/json", headers = headers,
    body = json.encode { error = { type = kind, message = message } } }
end

local function response_of(answer)
  local headers = { ["content-type"] = answer.type }
  for name, value in pairs(answer.headers or {}) do headers[name] = value end
  local events = answer.body and { { data = answer.body } } or {}
  for name, data in (answer.text or ""):gmatch("event: ([^\n]*)\ndata: ([^\n]*)\n\n") do
    events[#events + 1] = { name = name, data = data }
  end
  local at, response = 0, { status = answer.status, headers = headers, closed = 0 }
  function response.next()
    at = at + 1
    if answer.cut and at > answer.cut then return nil, answer.err end
    return events[at]
  end
  function response.close() response.closed = response.closed + 1 end
  return response
end

--- A transport that gives its answers in order and remembers what it was asked.
local function transport(answers)
  local http = { sent = {}, responses = {} }
  function http.send(request)
    http.sent[#http.sent + 1] = request
    local answer = answers[#http.sent] or error("asked more often than the test has answers")
    if answer.refused then return nil, answer.refused end
    local response = response_of(answer)
    http.responses[#http.responses + 1] = response
    return response
  end
  return http
end

local function target(changes)
  local all = model.resolve("sonnet", nil,
    { variables = {}, secrets = { ANTHROPIC_API_KEY = true } })[1]
  for key, value in pairs(changes or {}) do all[key] = value end
  return all
end

local REQUEST <const> = { system = "s", tools = {},
  messages = { '{"role":"user","content":"hi"}' } }

--- Turns that come at once, and keep each outcome.
local function turns(outcomes)
  return function()
    return setmetatable({ wait = function() return true end,
      over = function(_, err) outcomes[#outcomes + 1] = err and err.code or "ok" end },
      { __close = function() outcomes.closed = (outcomes.closed or 0) + 1 end })
  end
end

--- Asks, and answers what came of it, with the events and the waits.
local function ask(answers, changes, request, left)
  local http, events, waits, outcomes = transport(answers), {}, {}, {}
  local how = { random = function() return 0.5 end, left = function() return left end,
    now = function() return 1795381200000 end, -- Sun, 22 Nov 2026 21:00:00 GMT
    wait = function(ms) waits[#waits + 1] = ms end, turn = turns(outcomes) }
  local one = target(changes)
  local reply, err = model.ask(http, one, request or REQUEST, function(event) events[#events + 1] = event end,
    how)
  for _, response in ipairs(http.responses) do
    t.equal(response.closed, 1, "each response is closed once")
  end
  return { reply = reply, err = err, http = http, events = events, waits = waits, target = one,
    outcomes = outcomes }
end

local function kinds(events)
  local list = {}
  for i, event in ipairs(events) do list[i] = event.kind end
  return table.concat(list, " ")
end

t.test("a reply streams and comes back whole", function()
  local got = ask { stream(said("Good day.")) }
  t.falsy(got.err)
  t.equal(got.reply.content, { { type = "text", text = "Good day." } })
  t.equal(kinds(got.events), "usage text usage stop")
  local sent = got.http.sent[1]
  t.equal({ sent.method, sent.url, sent.events },
    { "POST", "https://api.anthropic.com/v1/messages", "sse" })
  t.equal({ sent.secret, sent.secret_header, sent.secret_prefix },
    { "ANTHROPIC_API_KEY", "authorization", "Bearer " })
  t.equal({ sent.connect_ms, sent.first_byte_ms, sent.idle_ms }, { 20000, 120000, 60000 })
  t.contains(sent.body, '"max_tokens":32000')
  t.contains(sent.body, '"thinking":{"type":"adaptive"')
end)

t.test("effort goes out to a model that can be told, and to no other", function()
  local request = { system = "s", tools = {}, messages = REQUEST.messages, effort = "high" }
  local got = ask({ stream(said("ok")) }, nil, request)
  t.contains(got.http.sent[1].body, '"output_config":{"effort":"high"}')
  got = ask({ stream(said("ok")) }, { effort = false }, request)
  t.falsy(got.http.sent[1].body:find("output_config", 1, true))
end)

t.test("without a key no header asks for one", function()
  local got = ask({ stream(said("ok")) }, { secret = false })
  t.falsy(got.http.sent[1].secret_header)
end)

t.test("what may pass is tried again with jitter, and each try is seen", function()
  local no_connection = { code = "unavailable", message = "refused", retryable = true }
  local got = ask { refused(529, "overloaded_error", "Busy"), { refused = no_connection },
    stream(said("at last")) }
  t.equal(got.reply.content[1].text, "at last")
  t.equal(kinds(got.events), "retry retry usage text usage stop")
  t.equal(got.waits, { 500, 1000 })
  t.equal({ got.events[1].attempt, got.events[1].wait_ms, got.events[1].code },
    { 2, 500, "unavailable" })
  t.equal(#got.http.sent, 3)
  t.equal(got.http.sent[3].body, got.http.sent[1].body, "the same request")
end)

t.test("after the last attempt the error says how often it was asked", function()
  local got = ask { refused(500, "api_error", "Oops"), refused(500, "api_error", "Oops"),
    refused(429, "rate_limit_error", "Slow") }
  t.equal({ got.err.code, got.err.retryable }, { "unavailable", true })
  t.contains(got.err.message, "ask claude-sonnet-5-5 at https://api.anthropic.com (3 attempts): "
    .. "HTTP 429 rate_limit_error: Slow")
end)

t.test("a server that says how long is waited for, within reason", function()
  local got = ask { refused(429, "rate_limit_error", "Slow", { ["retry-after"] = "7" }),
    stream(said("ok")) }
  t.equal(got.waits, { 7500 }, "and a little, so that not all come back together")
  got = ask { refused(429, "rate_limit_error", "Slow", { ["retry-after"] = "3600" }) }
  t.equal(got.err.details.retry_after_ms, 3600000)
  t.equal(#got.http.sent, 1)
end)

t.test("a date that the server does not compare with its own is held against the clock here", function()
  local function slow(date, own)
    return refused(429, "rate_limit_error", "Slow", { ["retry-after"] = date, date = own })
  end
  local got = ask { slow("Sun, 22 Nov 2026 21:00:05 GMT"), stream(said("ok")) }
  t.equal(got.waits, { 5500 })
  got = ask { slow("Sun, 22 Nov 2026 21:00:05 GMT", "Sun, 22 Nov 2026 21:00:03 GMT"), stream(said("ok")) }
  t.equal(got.waits, { 2500 }, "its own time counts more")
  got = ask { slow("Sun, 22 Nov 2026 20:59:00 GMT"), stream(said("ok")) }
  t.equal(got.waits, { 500 }, "what is past already is no time to wait for")
  got = ask { slow("Sun, 22 Nov 2026 22:00:00 GMT") }
  t.equal({ #got.http.sent, got.err.details.retry_after_ms }, { 1, 3600000 }, "the bound is the same")
  got = ask({ slow("Sun, 22 Nov 2026 21:00:05 GMT") }, nil, nil, 4000)
  t.equal(#got.http.sent, 1, "so is that of the run's time")
end)

t.test("what will not pass is not tried again", function()
  for _, status in ipairs { 400, 401, 403, 404, 413 } do
    local got = ask { refused(status, "x", "No") }
    t.equal({ #got.http.sent, got.err.details.status, got.err.retryable }, { 1, status, false })
  end
end)

t.test("a stream that broke before it said anything is tried again", function()
  local got = ask { stream(said("never"), 1), stream(said("ok")) }
  t.equal(got.reply.content[1].text, "ok")
end)

t.test("a stream that broke after it spoke is asked for anew, whole, and what it said is void", function()
  local long = said(("word "):rep(20))
  local idle = { code = "timeout", message = "idle stream: 60 s without a byte", retryable = true }
  for _, broken in ipairs { stream(long, 4), stream(long, 4, idle) } do
    local got = ask { broken, stream(said("From the top.")) }
    t.equal(got.reply.content, { { type = "text", text = "From the top." } })
    t.equal(#got.http.sent, 2)
    local retry
    for _, event in ipairs(got.events) do retry = event.kind == "retry" and event or retry end
    t.equal({ retry.attempt, retry.void }, { 2, true })
  end
  local got = ask { stream(long, 4), stream(long, 4), stream(long, 4, idle) }
  t.equal({ got.err.code, #got.http.sent }, { "timeout", 3 })
  t.contains(got.err.message, "(3 attempts): idle stream")
  t.contains(got.err.details.partial, "word word")
end)

t.test("a stream that contradicts itself after it spoke is not asked for anew", function()
  local odd = said("Half"):gsub("event: message_delta", "event: content_block_delta\ndata: "
    .. '{"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"x"}}'
    .. "\n\nevent: message_delta", 1)
  local got = ask { stream(odd) }
  t.equal({ got.err.code, #got.http.sent }, { "protocol", 1 })
end)

t.test("nobody waits for longer than the run lasts", function()
  local slow = refused(429, "rate_limit_error", "Slow", { ["retry-after"] = "7" })
  local got = ask({ slow }, nil, nil, 7000)
  t.equal({ #got.http.sent, #got.waits, got.err.code }, { 1, 0, "unavailable" })
  got = ask({ slow, stream(said("ok")) }, nil, nil, 8000)
  t.equal(got.waits, { 7500 })
end)

t.test("each attempt has a turn of its own, which hears how it went", function()
  local got = ask { refused(429, "rate_limit_error", "Slow"), stream(said("ok")) }
  t.equal(got.outcomes, { "unavailable", "ok", closed = 2 })
  t.equal(got.events[1].kind, "retry")
end)

t.test("an error in a stream before any text is tried again", function()
  local overloaded = "event: error\ndata: " .. json.encode { type = "error",
    error = { type = "overloaded_error", message = "Busy" } } .. "\n\n"
  t.equal(ask({ stream(overloaded), stream(said("ok")) }).reply.content[1].text, "ok")
end)

t.test("a page instead of a stream is said to be one", function()
  local got = ask { { status = 200, type = "text/html", body = "<html><title>Sign in</title>" } }
  t.equal(got.err.code, "protocol")
  t.contains(got.err.message, 'text/html: an HTML page, "Sign in"')
end)

t.test("credentials in a base URL stay out of messages", function()
  local got = ask({ refused(404, "x", "No") }, { base_url = "http://user:word@host:1" })
  t.contains(got.err.message, "at http://host:1:")
  t.falsy(got.err.message:find("word", 1, true))
end)

-- servers that know only the older form -----------------------------------------------------------

local OWN <const> = { own = true, may_be_legacy = true, base_url = "http://127.0.0.1:9" }

local function version(sent)
  for _, pair in ipairs(sent.headers) do
    if pair[1] == "anthropic-version" then return pair[2] end
  end
end

t.test("a server of one's own that refuses the newer form is asked in the older one", function()
  local got = ask({ refused(401, "authentication_error", "no x-api-key"), stream(said("ok")) }, OWN)
  t.equal(got.reply.content[1].text, "ok")
  t.equal({ version(got.http.sent[1]), version(got.http.sent[2]) }, { "2026-10-21", "2023-06-01" })
  t.equal(got.http.sent[2].secret_header, "x-api-key")
  t.equal(got.target.legacy, true)
  t.equal({ got.events[1].kind, got.events[1].wait_ms }, { "retry", 0 })
end)

t.test("a wrong key stays a wrong key in either form", function()
  local got = ask({ refused(401, "authentication_error", "first"),
    refused(401, "authentication_error", "second") }, OWN)
  t.contains(got.err.message, "first")
  t.equal({ #got.http.sent, got.target.legacy }, { 2, false })
end)

t.test("the provider's own server is never asked in the older form", function()
  t.equal(#ask({ refused(401, "authentication_error", "no") }).http.sent, 1)
end)

-- rehearsal ---------------------------------------------------------------------------------------

t.test("a rehearsal answers without a transport", function()
  local turn = { expect = function(given) return given.first == "hi" end, text = "Hello there." }
  local scenario = { agents = { x = { { turn } } } }
  local http = { rehearse = function(name, given)
    t.equal(name, "demo.lua")
    return rehearsal.reply(scenario, given)
  end }
  local one = model.resolve("rehearsal:demo.lua", nil, { variables = {}, secrets = {} })[1]
  local given = { agent = "x", visit = 1, turn = 1, first = "hi", results = {}, tools = {} }
  local events = {}
  local reply = model.ask(http, one, { given = given },
    function(event) events[#events + 1] = event end)
  t.equal(reply.content[1].text, "Hello there.")
  t.equal(kinds(events), "text stop")
  given.first = "bye"
  local _, err = model.ask(http, one, { given = given }, print)
  t.equal(err.code, "invalid")
end)

t.test("a fragment that was encoded once is what is sent every time", function()
  local fragment = anthropic.encode { role = "user", content = { { type = "text", text = "hi" } } }
  local twice = { fragment, fragment }
  t.contains(anthropic.request { model = "m", max_tokens = 1, messages = twice }.body,
    '"messages":[' .. fragment .. "," .. fragment .. "]")
end)
