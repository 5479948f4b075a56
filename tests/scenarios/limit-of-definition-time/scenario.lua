local rehearse = require "lib.rehearse"

return {
  agents = { ["hasty-agent"] = { {
    { expect = rehearse.tools("bash"), calls = { { "bash", { command = "sleep 1000" } } } },
    { expect = rehearse.anything("never reached"), text = "Waited." },
  } } },
}
