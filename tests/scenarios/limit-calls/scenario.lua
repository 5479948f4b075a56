local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("write"), calls = { { "write", { path = "a", content = "1" } }, { "write", { path = "b", content = "2" } } } },
    { expect = rehearse.failure("write", "limit"), text = "Enough." },
  } } },
}
