local route = require "lib.route"

return {
  choose = route.first {
    { why = "never", when = function() return false end, to = "draft" },
    { why = "always", to = "nobody-agent" },
  },
  model = route.first { { why = "any" } },
  next = route.by_relations,
}
