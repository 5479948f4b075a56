local route = require "lib.route"

return {
  choose = function() return { to = "lonely-agent" } end,
  model = route.first { { why = "any" } },
  next = route.by_relations,
}
