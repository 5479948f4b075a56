--- How a target is spoken to: replies cut into pieces, and a dialect on the other side of a crossing.
local dialect = require "lib.dialect"
local framing = require "lib.framing"
local t = require "lib.test"

--- A response whose pieces come in batches: after the last of a batch one has to wait.
local function response(batches, headers, err)
  local pieces = {}
  for _, batch in ipairs(batches) do
    for i, data in ipairs(batch) do
      pieces[#pieces + 1] = { data = data, more = i < #batch }
    end
  end
  local at, made = 0, { status = 200, headers = headers or {}, ready = false }
  function made.next()
    at = at + 1
    local piece = pieces[at]
    made.ready = piece ~= nil and piece.more
    if not piece then return nil, err end
    return { data = piece.data }
  end
  return made
end

--- All that is read, each list of pieces joined.
local function read(batches, stream, err)
  local next_pieces, lists = framing.of(response(batches, nil, err), stream), {}
  while true do
    local pieces, why = next_pieces()
    if not pieces then return lists, why end
    local texts = {}
    for i, piece in ipairs(pieces) do texts[i] = piece.data end
    lists[#lists + 1] = table.concat(texts, "|")
  end
end

local LINES <const> = { types = { "application/x-ndjson", "a/b" }, frames = "lines" }
local BYTES <const> = { types = { "a/b" }, frames = "bytes" }

t.test("all that has come is handed over at once", function()
  t.equal(read({ { "a", "b", "c" }, { "d" } }), { "a|b|c", "d" })
  t.equal(read({ { "a", "b" }, { "c" } }, BYTES), { "a|b", "c" })
end)

t.test("lines end where they end, however they come", function()
  t.equal(read({ { "on", "e\ntwo\r\n\n" }, { "thr" }, { "ee\nfo" }, { "ur" } }, LINES),
    { "one|two", "three", "four" })
  t.equal(read({ { "\n\n" }, {} }, LINES), {})
end)

t.test("a line without end is bounded, and an error of the transport is told", function()
  local piece, batches = ("x"):rep(256 * 1024), {}
  for i = 1, 17 do batches[i] = { piece } end
  local lists, err = read(batches, LINES)
  t.equal(#lists, 0)
  t.equal({ err.code, err.retryable }, { "protocol", false })
  lists, err = read({ { "one\ntw" } }, LINES, { code = "timeout", message = "cut" })
  t.equal(lists, { "one" })
  t.equal(err.code, "timeout")
end)

t.test("a reply is told by its type, and events are asked for where nothing else is said", function()
  local function fits(kind, stream, status)
    local one = response({}, { ["content-type"] = kind })
    one.status = status or 200
    return framing.fits(one, stream)
  end
  t.truthy(fits("text/event-stream; charset=utf-8"))
  t.truthy(fits("A/B;v=1", LINES))
  t.falsy(fits("text/event-streams"))
  t.falsy(fits("text/event-stream", LINES))
  t.falsy(fits("text/event-stream", nil, 500))
  t.falsy(fits(nil))
  t.equal({ framing.asked(nil), framing.asked(LINES) }, { "sse" })
end)

-- a guest ----------------------------------------------------------------------------------------

local GUEST <const> = { name = "x", path = "lua/dialects/x.lua", file = "/home/u/x.lua",
  layer = "user", older = true }

--- The other side: keeps what it was asked, and answers with the functions of `answers`.
local function decider(answers)
  local asked = {}
  return function(_, field, path, ...)
    t.equal(path, GUEST.path)
    asked[#asked + 1] = { field, ... }
    return answers[field](...)
  end, asked
end

local function speech(answers)
  local decide, asked = decider(answers)
  return dialect.of({ dialect = "x", guest = GUEST, habits = { mood = "good" } }, decide), asked
end

local function pieces(...)
  local list = {}
  for i, data in ipairs { ... } do list[i] = { data = data } end
  return list
end

t.test("several events cross once, and the reply's end once more", function()
  local spoken, asked = speech {
    hear = function(_, _, _, got) return { events = { { kind = "text", text = #got } }, done = true } end,
    finish = function() return { reply = { stop = "end" } } end,
  }
  local reader = spoken.begin()
  t.equal(reader:hear(pieces("a", "b", "c"))[1].text, 3)
  t.truthy(reader.done)
  t.equal(reader:finish().stop, "end")
  t.equal(#asked, 2)
  t.equal(asked[1][4], { mood = "good" }, "the server's habits go with it")
end)

t.test("a state that is lost is made again of the same pieces, and nothing is said twice", function()
  local count = 0 -- what the other side has heard
  local spoken = speech {
    hear = function(_, before, _, got)
      if before ~= count and before ~= 0 then return { lost = true } end
      count = before + #got
      return { events = { { kind = "text", text = got[#got].data } }, done = false }
    end,
    finish = function(_, before) return before == count and { reply = {} } or { lost = true } end,
  }
  local reader = spoken.begin()
  reader:hear(pieces("a", "b"))
  count = -1
  t.equal(reader:hear(pieces("c")), { { kind = "text", text = "c" } })
  t.equal(count, 3)
  count = -1
  t.truthy(reader:finish())
end)

t.test("a VM that keeps nothing is no endless loop", function()
  local spoken, asked = speech { hear = function() return { lost = true } end }
  local events, err = spoken.begin():hear(pieces("a"))
  t.falsy(events)
  t.equal(err.code, "limit")
  t.truthy(#asked <= 3)
end)

t.test("a mistake has the file's place, whoever found it, and is not asked about again", function()
  for said, wanted in pairs {
    ["lua/dialects/x.lua:3: no"] = "/home/u/x.lua:3: no",
    ["lua/lib/dialect_calls.lua: no result within 10.0 s"] = "/home/u/x.lua: no result within 10.0 s",
  } do
    local spoken = speech { encode = function()
      return nil, { code = "timeout", message = said, retryable = true }
    end }
    local _, err = spoken.encode {}
    t.equal({ err.message, err.retryable }, { wanted, false })
  end
  local spoken = speech { wants_legacy = function() return nil, { code = "script", message = "oh" } end }
  local err = { message = "refused" }
  t.falsy(spoken.wants_legacy(err))
  t.equal(err.message, "refused; and oh")
end)

return t
