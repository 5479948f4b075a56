return {
  prompt = function(facts) return facts.nobody.name end, handover = function() return "x" end,
}
