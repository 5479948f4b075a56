--- A thousand branches, forty of which ask an agent.
return {
  run = function(run)
    local branches = {}
    for i = 1, 1000 do
      branches[i] = function()
        if i % 25 == 0 then return run.ask("063", "part " .. i) end
        run.sleep(i % 10)
        return i
      end
    end
    local all, err = run.all(branches)
    if not all then return nil, err end
    local sum, said = 0, 0
    for _, value in ipairs(all) do
      if type(value) == "number" then sum = sum + value else said = said + 1 end
    end
    return { sum = sum, said = said, count = #all }
  end,
}
