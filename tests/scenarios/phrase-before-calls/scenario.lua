local rehearse = require "lib.rehearse"

return {
  agents = { ["draft-agent"] = { {
    { expect = rehearse.anything("the first turn"), text = "The draft stands - check-agent should read it",
      calls = { { "read", { path = "." } } } },
    { expect = rehearse.result("read"), text = "The draft is hopeless - start again" },
  } } },
}
