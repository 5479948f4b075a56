return {
  allow_tool = function(call)
    if call.tool == "write" then error("boom") end
  end,
}
