--- Beside a branch that never ends nothing else of this VM runs, but the run's own time limit does.
return { run = function(run)
  return run.all {
    loop = function() while true do pcall(function() while true do end end) end end,
    ask = function() return run.ask("063", "beside") end,
  }
end }
