local route = require "lib.route"

return {
  choose = function() return { to = "lone", ask = { "lone", "chief" } } end,
  model = route.first { { why = "any" } },
  next = route.by_relations,
}
