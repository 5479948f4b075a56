local route = require "lib.route"

return {
  choose = function() coroutine.yield("later") end,
  model = route.first { { why = "any" } },
  next = route.by_relations,
}
