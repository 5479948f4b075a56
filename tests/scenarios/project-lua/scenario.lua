local rehearse = require "lib.rehearse"

return {
  agents = { ["local-agent"] = { {
    { expect = rehearse.all { rehearse.tools("write"), rehearse.no_tools("steal") }, calls = { { "write", { path = "x", content = "y" } } } },
    { expect = rehearse.result("write"), text = "Written." },
  } } },
}
