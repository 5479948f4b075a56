local rehearse = require "lib.rehearse"

local function look(expect)
  return { expect = expect, text = "I look.", calls = { { "read", { path = "." } } } }
end

return { agents = {
  ["wide-agent"] = { {
    look(rehearse.anything("the start")),
    look(rehearse.result("read")),
    { expect = rehearse.result("read"), text = "Looked twice.",
      calls = { { "handoff", { to = "bounded-agent", reason = "to go on", result = "Looked twice." } } } },
  } },
  ["bounded-agent"] = { {
    look(rehearse.first("Looked twice.")),
    look(rehearse.result("read")),
    look(rehearse.failure("read", "limit of 1 call of bounded-agent's part")),
  } },
} }
