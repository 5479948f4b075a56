local rehearse = require "lib.rehearse"

return {
  agents = {
    ["asker-agent"] = { {
      { expect = rehearse.tools("handoff", "escalate"),
        calls = { { "escalate", { to = "helper-agent", question = "Write it down?" } } } },
      { expect = rehearse.result("escalate", "Written."),
        calls = { { "handoff", { to = "reader-agent", reason = "Eyes.", result = "It is there." } } } },
    } },
    ["helper-agent"] = { {
      { expect = rehearse.first("Write it down?"),
        calls = { { "write", { path = "help.txt", content = "one\ntwo\n" } } } },
      { expect = rehearse.result("write"), text = "Written." },
    } },
    ["reader-agent"] = { { { expect = rehearse.first("help.txt  +2 -0"), text = "Read." } } },
  },
}
