local rehearse = require "lib.rehearse"

return {
  agents = { ["hooked-agent"] = { {
    { expect = rehearse.first("Report."), text = "First." },
    { expect = rehearse.results(0), text = "Second." },
    { expect = rehearse.results(0), text = "Third." },
    { expect = rehearse.results(0), text = "Fourth." },
  } } },
}
