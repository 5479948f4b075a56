--- Children that work in copies of the workspace, and what comes of their changes.
local t = require "lib.test"

local function asks(run, who)
  return function()
    local reply, patch = run.ask(who, "write", { workspace = "copy" })
    if not reply then return nil, patch end
    return { reply = reply, patch = patch }
  end
end

local function can_run(run)
  local said, err = run.tool("bash", { command = "git --version" })
  if not said then t.skip("commands do not run here: " .. err.message) end
  if not said:find("^git version") then t.skip("git is not installed") end
end

local function read(run, path) return (run.tool("bash", { command = "cat " .. path })) end

t.test("two children write side by side and overwrite nothing of each other", function(run)
  can_run(run)
  assert(run.rehearse("copy_scenario.lua"))
  run.tool("bash", { command = "echo KEY=1 > .env" })
  local both, err = run.all { one = asks(run, "062"), two = asks(run, "063") }
  t.equal(err, nil)
  local one, two = both.one.patch, both.two.patch
  t.equal(both.one.reply, "one done")
  t.equal(one.files, { "a.txt", "gone-one.txt", "new/one.txt", "one.bin", "one.latin", "run.sh" })
  t.truthy(utf8.len(one.text))
  t.equal(read(run, "a.txt"), "1\n2\n3\n4", "the workspace is as it was")
  local ended = run.records("child.finished")
  t.equal({ #ended, ended[1].body.patch and ended[2].body.patch and "both" }, { 2, "both" })

  t.equal({ run.apply(one) }, { true })
  t.equal(read(run, "a.txt new/one.txt"), "1\n2\n3\n4\none\none")
  t.contains(read(run, "one.latin; ls gone-one.txt; test -x run.sh && echo runs"), "runs")
  t.equal(read(run, "one.bin | od -An -tx1"), " 00")

  local applied, refused = run.apply(two)
  t.equal({ applied, refused.code }, { nil, "invalid" })
  t.contains(refused.message, "nothing of it was applied: patch failed: a.txt")
  t.equal(read(run, "new/two.txt 2>&1; true"), "cat: new/two.txt: No such file or directory")
end)

t.test("a copy in which nothing changed has an empty patch, and it can be applied", function(run)
  can_run(run)
  assert(run.rehearse("copy_scenario.lua"))
  assert(run.ask("063", "write", { workspace = "copy" }))
  local reply, patch = run.ask("063", "look", { workspace = "copy" })
  t.equal(reply, "nothing to do")
  t.equal(patch, { text = "", files = {}, binary = {} })
  t.equal({ run.apply(patch) }, { true })
end)

t.test("a patch that leaves the workspace or writes into its .git is refused", function(run)
  can_run(run)
  for _, path in ipairs { "../out.txt", ".git/hooks/pre-commit", "/etc/x" } do
    local applied, err = run.apply { files = { path }, text = ("diff --git a/%s b/%s\nnew file mode 100644\n"
      .. "--- /dev/null\n+++ b/%s\n@@ -0,0 +1 @@\n+x\n"):format(path, path, path) }
    t.equal(applied, nil, path)
    t.truthy(err.message, path)
  end
end)

t.test("an output that a chain asks for is repaired once, then it is an error; nothing else is asked for", function(run)
  assert(run.rehearse("copy_scenario.lua"))
  local form = { verdict = { "accept", "reject" } }
  local reply, err = run.ask("072", "judge", { output = form })
  t.equal(reply, nil)
  t.equal(err.code, "invalid")
end)

return t
