local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("write"), calls = { { "write", { path = "x", content = "y" } } } },
    { expect = rehearse.failure("write"), text = "Denied." },
  } } },
}
