local rehearse = require "lib.rehearse"

local function visits(name, other)
  local list = {}
  for visit = 1, 2 do
    list[visit] = { { expect = rehearse.tools("handoff"), calls = {
      { "handoff", { to = other, reason = "your turn", result = ("%s %d"):format(name, visit) } } } } }
  end
  return list
end

return { agents = { ["ping-agent"] = visits("ping", "pong-agent"), ["pong-agent"] = visits("pong", "ping-agent") } }
