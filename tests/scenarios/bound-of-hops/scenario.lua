local rehearse = require "lib.rehearse"

local agents = {}
for at = 1, 5 do
  local name, after = ("abcde"):sub(at, at), ("abcdea"):sub(at + 1, at + 1)
  local visits = {}
  for visit, word in ipairs { "first", "second" } do
    visits[visit] = { { expect = rehearse.first("Go round."),
      text = ("The %s round.\n\nRound we go - ring-%s-agent is next"):format(word, after) } }
  end
  agents[("ring-%s-agent"):format(name)] = visits
end
return { agents = agents }
