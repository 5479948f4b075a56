return { run = function(run)
  local function work(name) return function() return run.ask(name, "Mark your line.") end end
  run.all { work("first-agent"), work("second-agent"), work("third-agent") }
  return (run.tool("read", { path = "list.txt" }))
end }
