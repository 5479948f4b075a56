local route = require "lib.route"

return {
  choose = function() return { agent = "lone" } end,
  model = route.first { { why = "any" } },
  next = route.by_relations,
}
