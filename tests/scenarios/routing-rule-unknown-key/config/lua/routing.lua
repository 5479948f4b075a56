local route = require "lib.route"
return { model = route.first { { why = "a misspelt rule", modles = { "small" } } }, next = route.by_relations }
