local rehearse = require "lib.rehearse"

local function hand(to, result) return { {
  { expect = rehearse.tools("handoff"), calls = { { "handoff", { to = to, reason = "r", result = result } } } },
} } end

return { agents = { ["ping-agent"] = hand("pong-agent", "one"), ["pong-agent"] = hand("ping-agent", "two") } }
