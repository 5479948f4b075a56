local rehearse = require "lib.rehearse"

return { agents = { ["lone-agent"] = { {
  { expect = rehearse.system("\nCommands: run in a sandbox: the network is open, nothing outside the workspace\n"),
    text = "Gone." },
} } } }
