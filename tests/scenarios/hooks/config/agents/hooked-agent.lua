return {
  before = function(run)
    local said, err = run.tool("read", { path = "." })
    if not said then return nil, err end
    return { context = "Pages: " .. said }
  end,
  allow_tool = function(call)
    if call.effect ~= "read" then return false, "A reporter reads." end
    return true
  end,
  accept = function(reply)
    if not reply.text:find("Verdict:", 1, true) then return false, "End with a line Verdict: ..." end
    return true
  end,
  next = function(_, ending)
    if ending.reply:find("Verdict: pass", 1, true) then return { to = "second-agent", why = "the hook says so" } end
  end,
}
