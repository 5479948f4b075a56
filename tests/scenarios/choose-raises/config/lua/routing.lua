local route = require "lib.route"

return {
  choose = function(_, catalog) return catalog.best.name end,
  model = route.first { { why = "any" } },
  next = route.by_relations,
}
