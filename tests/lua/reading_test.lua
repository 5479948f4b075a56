--- What all dialects read alike: the text of an event.
local reading = require "lib.reading"
local t = require "lib.test"

local function said(escaped)
  local event = reading.event('{"a":"' .. escaped .. '"}')
  return event and event.a
end

t.test("half of a sign that stands alone is replaced, and nothing else changes", function()
  for escaped, want in pairs {
    ["\\ud83d"] = "\u{FFFD}", ["\\ude00!"] = "\u{FFFD}!", ["a\\uD83Db"] = "a\u{FFFD}b",
    ["\\ud83d\\ude00"] = "\u{1F600}", ["\\ud83d\\ud83d\\ude00"] = "\u{FFFD}\u{1F600}",
    ["\\ude00\\ud83d"] = "\u{FFFD}\u{FFFD}", ["\\ud83d\\n"] = "\u{FFFD}\n",
    ["\\ud83d\\u0041"] = "\u{FFFD}A", ["\\\\ud83d\\ud83d"] = "\\ud83d\u{FFFD}",
    ["\\\\\\ud83d\\\""] = "\\\u{FFFD}\"", ["ud83d \\u00fc"] = "ud83d ü",
    ["\\ud83d\\ude00\\ud83d\\\\u"] = "\u{1F600}\u{FFFD}\\u",
  } do t.equal(said(escaped), want, escaped) end
end)

t.test("what is broken otherwise stays no event", function()
  for _, data in ipairs { "", "{", "3", "null", "NaN", '"\\ud83d"', '{"a":NaN,"b":"\\ud83d"}',
    '{"a":"\\ud83', '{"a":"\\ud83d', '{"a":"\\ud83d\\', '{"a":"\\uZZZZ\\ud83d"}',
    '{"a":-Infinity}' } do t.equal(reading.event(data), nil, data) end
end)

return t
