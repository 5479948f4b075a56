local rehearse = require "lib.rehearse"

return {
  agents = { ["hooked-agent"] = { {
    { expect = rehearse.tools("write"), calls = { { "write", { path = "x", content = "y" } } } },
    { expect = rehearse.failure("write", "boom"), calls = { { "read", { path = "." } } } },
    { expect = rehearse.failure("read"), text = "Denied." },
  } } },
}
