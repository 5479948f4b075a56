local rehearse = require "lib.rehearse"

return {
  agents = {
    ["hooked-agent"] = { {
      { expect = rehearse.first("Report.", "Pages: notes.md"), calls = { { "write", { path = "x", content = "y" } } } },
      { expect = rehearse.failure("write", "A reporter reads."), text = "All well." },
      { expect = rehearse.results(0), text = "All well.\nVerdict: pass" },
    } },
    ["second-agent"] = { { { expect = rehearse.first("Verdict: pass", "the hook says so"), text = "Taken over." } } },
  },
}
