local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("write"), calls = { { "write", { path = "x", content = "y" } } } },
    { expect = rehearse.result("write"), calls = { { "write", { path = "z", content = "y" } } } },
    { expect = rehearse.failure("write", "limit of 1 call of lone-agent's part"), text = "One." },
  } } },
}
