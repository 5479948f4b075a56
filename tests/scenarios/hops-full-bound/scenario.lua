local rehearse = require "lib.rehearse"

local agents = {}
for letter in ("abcdefghi"):gmatch(".") do
  agents[letter .. "-agent"] = { { { expect = rehearse.first("Go."), text = letter .. "." } } }
end
return { agents = agents }
