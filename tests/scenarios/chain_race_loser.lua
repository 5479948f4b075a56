--- The loser of a race is an agent that waits in its `before`: its child run ends as cancelled.
return { run = function(run)
  local winner, key = run.race {
    works = function() return run.ask("slow-agent", "wait") end,
    asks = function()
      run.sleep(20)
      return run.ask("063", "race")
    end,
  }
  return { winner = winner, key = key }
end }
