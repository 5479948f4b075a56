--- lib.show: what a terminal shows while commands run, drawn on one that knows only what is used.
local show = require "lib.show"
local t    = require "lib.test"

--- A terminal's lines after `said`. What is no known control sequence is an error.
local function draw(said)
  local lines, row, at = { "" }, 1, 1
  while at <= #said do
    local char = said:sub(at, at)
    local control, stop = said:match("^\27%[(%d*%a)()", at)
    if control == "K" then
      lines[row] = ""
    elseif control == "A" then
      row = row - 1
    elseif char == "\n" then
      row = row + 1
      lines[row] = lines[row] or ""
    elseif char:match("[^%c]") then
      lines[row] = lines[row] .. char
    elseif char ~= "\r" and not (control and control:match("m$")) then
      error(("byte %d is %d"):format(at, char:byte()))
    end
    at = stop or at + 1
  end
  while lines[#lines] == "" do lines[#lines] = nil end
  return table.concat(lines, "\n")
end

local function terminal(term)
  local said = {}
  local cli = { error_terminal = true, columns = function() return 30 end,
    env = function(name) return name == "TERM" and (term or "xterm") or nil end,
    err = function(part) said[#said + 1] = part end }
  local watch = show.people(cli, cli.err)
  return function(kind, body) watch { kind = kind, run = "r", body = body } end,
    function() return draw(table.concat(said)) end
end

local function output(text, call, stderr)
  return { call = call or "c1", tool = "bash", text = text, stderr = stderr }
end

local CALL <const> = { id = "c1", tool = "bash", input = { command = "make" } }

t.test("the last lines of what a command prints stand below it, and go with its result", function()
  local event, screen = terminal()
  event("call", CALL)
  event("delta.output", output("one\ntwo\nthr"))
  t.equal(screen(), "   . bash make ...\n     one\n     two\n     thr")
  event("delta.output", output("ee\nfour\nfive\nsix\n"))
  t.equal(screen(), "   . bash make ...\n     two\n     three\n     four\n     five\n     six")
  event("delta.output", output("warning\n", "c1", true))
  t.contains(screen(), "     six\n     warning")
  event("result", { id = "c1", name = "bash", text = "made" })
  t.equal(screen(), "   + bash make -> made")
end)

t.test("colours are left out, what was written over too, and no line is wider than the screen",
  function()
    local event, screen = terminal()
    event("call", CALL)
    event("delta.output", output("\27[31mred\27[0m\n\27]0;title\7x\r10%\r99%\na\tb\27[2J\7\n"
      .. ("w"):rep(200) .. "\n"))
    t.equal(screen(), "   . bash make ...\n     red\n     99%\n     a  b?\n     "
      .. ("w"):rep(21) .. "...")
  end)

t.test("what two commands print at once is not mixed", function()
  local event, screen = terminal()
  event("call", CALL)
  event("call", { id = "c2", tool = "bash", input = { command = "test" } })
  event("delta.output", output("half of "))
  event("delta.output", output("other\n", "c2"))
  t.equal(screen(), "   . bash test ...\n     other")
  event("delta.output", output("a line\n"))
  t.equal(screen(), "   . bash make ...\n     half of a line")
end)

t.test("a terminal that cannot move its cursor is shown results only", function()
  local event, screen = terminal("dumb")
  event("call", CALL)
  event("delta.output", output("one\ntwo\n"))
  event("result", { id = "c1", name = "bash", text = "made" })
  t.equal(screen(), "   + bash make -> made")
end)

return t
