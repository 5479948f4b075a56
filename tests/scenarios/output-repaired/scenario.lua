local rehearse = require "lib.rehearse"

return { agents = { ["judge-agent"] = { {
  { expect = rehearse.system('"enum":["accept","reject"]'), text = '```json\n{ "verdict": "maybe" }\n```' },
  { expect = rehearse.results(0), text = 'Better:\n```json\n{ "verdict": "reject", "defects": ["late"] }\n```' },
} } } }
