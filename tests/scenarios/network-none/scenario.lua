local rehearse = require "lib.rehearse"

return { agents = { ["lone-agent"] = { {
  { expect = rehearse.system("\nCommands: run in a sandbox: no network, nothing outside the workspace\n"),
    text = "Gone." },
} } } }
