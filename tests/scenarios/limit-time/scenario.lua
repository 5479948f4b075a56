local rehearse = require "lib.rehearse"

return {
  agents = { ["lone-agent"] = { {
    { expect = rehearse.tools("bash"), calls = { { "bash", { command = "sleep 1000" } } } },
    { expect = rehearse.anything("never reached"), text = "Waited." },
  } } },
}
