local route = require "lib.route"

return {
  choose = function() return { ask = { "lone", "chief" }, why = "either may" } end,
  model = route.first { { why = "any" } },
  next = route.by_relations,
}
