return { run = function(run)
  return run.all {
    one = function() return run.ask("lone-agent", { task = "One.", notes = "n", diff = { added = 1 } }) end,
    two = function() return run.ask("ship-agent", "Two.") end,
  }
end }
