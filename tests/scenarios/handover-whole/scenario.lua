local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { {
      { expect = rehearse.tools("escalate"), calls = {
        { "write", { path = "whales.txt", content = "one\ntwo\nthree\n" } },
        { "escalate", { to = "User", question = "Which language?" } },
      } },
      { expect = rehearse.result("write"),
        calls = { { "edit", { path = "whales.txt", old = "two", new = "two and a half" } } } },
      { expect = rehearse.result("edit"),
        calls = { { "handoff", { to = "check-agent", reason = "Eyes.", result = "It stands." } } } },
    } },
    ["check-agent"] = { { { expect = rehearse.first("whales.txt  +4 -1", "Which language?"),
      text = "Read." } } },
  },
}
