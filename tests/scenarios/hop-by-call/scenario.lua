local rehearse = require "lib.rehearse"

return {
  agents = {
    ["draft-agent"] = { {
      {
        expect = rehearse.all {
          rehearse.first("Write a haiku"), rehearse.tools("handoff", "write"),
          rehearse.system("You write first versions.", "Agent: draft-agent"),
        },
        text = "Both at once.",
        calls = {
          { "handoff", { to = "check-agent", reason = "It wants eyes.", result = "haiku.txt holds a haiku." } },
          { "write", { path = "haiku.txt", content = "old pond\n" } },
        },
      },
    } },
    ["check-agent"] = { {
      {
        expect = rehearse.all {
          rehearse.first("draft-agent hands this work to you", "Write a haiku", "haiku.txt holds a haiku.",
            "It wants eyes.", "- haiku.txt"),
          rehearse.results(0), rehearse.no_tools("bash", "write"), rehearse.tools("read", "handoff"),
        },
        text = "It scans.",
      },
    } },
  },
}
