--- What a chain may not do, and how it is told.
local function said(fn, ...)
  local ok, value, err = pcall(fn, ...)
  if not ok then return type(value) == "table" and value.message or value end
  return err and err.code .. ": " .. err.message or value
end

return { run = function(run)
  return {
    nobody  = said(run.ask, "no-such-agent", "x"),
    option  = said(run.ask, "063", "x", { hop = "off" }),
    unknown = said(run.tool, "no_such_tool", {}),
    input   = said(run.tool, "glob", { patern = "*.txt" }),
    outside = said(run.tool, "read", { path = "../../../etc/passwd" }),
    carry   = said(run.step, "fn", function() return function() end end),
    sort    = said(table.sort, { 3, 2, 1 }, function(a, b) run.sleep(1) return a < b end),
  }
end }
