local rehearse = require "lib.rehearse"

return { agents = { ["lone-agent"] = { {
  { expect = rehearse.system("\nCommands: run in a sandbox: of the network only pypi.org, 127.0.0.1:8080, through a proxy, nothing outside the workspace\n"),
    text = "Gone." },
} } } }
