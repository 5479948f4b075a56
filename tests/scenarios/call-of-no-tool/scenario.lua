local rehearse = require "lib.rehearse"

return {
  agents = { ["check-agent"] = { {
    { expect = rehearse.no_tools("bash"), calls = { { "raed", { path = "." } } } },
    { expect = rehearse.failure("raed", "read"), calls = { { "bash", { command = "id" } }, { "escalate", {} }, { "", {} }, { ("x"):rep(50), {} } } },
    { expect = rehearse.failure("bash", "There is no tool"), text = "So be it." },
  } } },
}
