local rehearse = require "lib.rehearse"

local function handoff(to) return { { "handoff", { to = to, reason = "why not", result = "all" } } } end

return {
  agents = { ["draft-agent"] = { {
    { expect = rehearse.tools("handoff"), calls = handoff("chief-agent") }, -- only escalation leads there
    { expect = rehearse.failure("handoff", "chief-agent", "check-agent, ship-agent"), calls = handoff("trusted-agent") },
    { expect = rehearse.failure("handoff", "trusted-agent"), calls = handoff("draft-agent") },
    { expect = rehearse.failure("handoff", "draft-agent"), calls = { { "handoff", { to = "ship-agent", result = "r" } } } },
    { expect = rehearse.failure("handoff", "reason"), calls = { { "handoff", '{"to":"ship-agent","rea' } } },
    { expect = rehearse.failure("handoff", "JSON"), text = "I stay." },
  } } },
}
