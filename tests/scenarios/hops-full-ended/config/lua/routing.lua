return {
  model = function() end,
  next = function(_, ending, facts)
    if facts.mode == "full" and facts.visit == 1 and facts.task_bytes == 9 and ending.hops == 0 then
      return { ends = true, why = "that will do" }
    end
  end,
}
