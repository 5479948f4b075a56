local rehearse = require "lib.rehearse"

return {
  agents = { ["hooked-agent"] = { {
    { expect = rehearse.anything("never reached"), text = "No." },
  } } },
}
