local rehearse = require "lib.rehearse"

return { agents = {
  ["lone-agent"] = { { {
    expect = rehearse.first("One.", "## Diff\n```json\n", '"added": 1', "## Notes\nn"),
    text = "The first child says a sentence that is long enough for several pieces." } } },
  ["ship-agent"] = { { { expect = rehearse.first("Two."),
    text = "The second child says another sentence, also in several pieces." } } },
} }
