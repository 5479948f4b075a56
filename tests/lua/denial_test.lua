--- What a failed command is told about the sandbox, and what it is not.
local base64  = require "lib.base64"
local denial  = require "lib.denial"
local network = require "lib.network"
local t       = require "lib.test"

local function failed(stderr, more)
  local done = { exit_code = 1, stdout = "", stderr = stderr, denied = {} }
  for key, value in pairs(more or {}) do done[key] = value end
  return done
end

local NONE  <const> = { network = "none", hosts = {} }
local PROXY <const> = { network = "proxy", hosts = { "pypi.org", "*.npmjs.org" } }

-- what it printed, the facts, what the only line has to hold; nil: no line at all
local CASES <const> = {
  { "curl: (6) Could not resolve host: example.org", NONE, "there is no network in here" },
  { "git: Temporary failure in name resolution", PROXY, "pypi.org, *.npmjs.org" },
  { "connect: Network is unreachable", { network = "proxy", hosts = {} }, "there is no network" },
  { "curl: (6) Could not resolve host: example.org", { network = "host" }, nil },
  { "touch: cannot touch '/usr/x y': Read-only file system", NONE, "/usr/x y is read-only" },
  { "bash: line 1: /etc/passwd: Read-only file system", NONE, "/etc/passwd is read-only; write" },
  { "error: could not lock config file .git/config: Read-only file system", NONE,
    ".git/config is kept read-only" },
  { "rm: cannot remove 'a.txt': Read-only file system", { writes = false }, "this tool only reads" },
  { "Error: EROFS: read-only file system", NONE, "that place is read-only" },
  { "cat: .env: Permission denied", NONE, ".env is masked" },
  { "open sub/deep/server.pem: Permission denied", NONE, "sub/deep/server.pem is masked" },
  { "cat: '/w/id_ed25519': Permission denied", NONE, "id_ed25519 is masked" },
  { "cat: .env.d/inner: Permission denied", NONE, ".env.d/inner is masked" },
  { "cat: .env.example: Permission denied", NONE, nil },
  { "bash: ./script.sh: Permission denied", NONE, nil },
  { "unshare: unshare failed: Operation not permitted", NONE, "no namespaces" },
  { "sudo: effective uid is not 0, is sudo installed setuid root?", NONE, "set-uid" },
  { "tar: x: Cannot write: No space left on device", NONE, "1 GB each" },
  { "make: *** [all] Error 2", NONE, nil },
}

t.test("each sign of a refusal gives one line, and nothing else does", function()
  for _, case in ipairs(CASES) do
    local lines = denial.lines(failed(case[1]), case[2])
    t.equal(#lines, case[3] and 1 or 0, case[1])
    if case[3] and lines[1] then
      t.contains(lines[1], case[3])
      t.contains(lines[1], "probably the sandbox: ")
    end
  end
end)

t.test("what is known exactly comes first and is no guess", function()
  local lines = denial.lines(failed("curl: (6) Could not resolve host: x", { denied = {
    { what = "host", name = "example.org:443", why = "is not among the hosts" } } }), PROXY)
  t.equal(#lines, 1)
  t.equal(lines[1], "refused by the network rules: example.org:443 is not among the hosts")
end)

t.test("a command that went well is told only what is known exactly", function()
  local done = failed("Could not resolve host", { exit_code = 0 })
  t.equal(#denial.lines(done, NONE), 0)
  done.denied = { { what = "file", name = "/w/.git/commondir", why = "was set aside" } }
  t.equal(denial.lines(done, NONE)[1], "/w/.git/commondir was set aside")
end)

t.test("hints are few, short and one line each, whatever was printed", function()
  local denied = {}
  for i = 1, 30 do
    denied[i] = { what = "file", name = ("a\n\27[31m%d"):format(i) .. ("x"):rep(9000), why = "no" }
  end
  local lines = denial.lines(failed(("q"):rep(100000) .. "\ncat: .env: Permission denied\n"
    .. "x: Read-only file system\nNetwork is unreachable\nsudo: effective uid is not 0",
    { denied = denied, denied_more = 5 }), NONE)
  t.equal(#lines, 4)
  t.contains(lines[3], "(and 32 more)")
  for _, line in ipairs(lines) do
    t.truthy(#line < 600)
    t.falsy(line:find("%c"))
  end
end)

t.test("a tool with a shell has the sandbox's hosts, any other what it was granted", function()
  t.equal(network.of_tool({ exec = { "bash" } }, {}), nil)
  t.equal(network.of_tool({ exec = { "bash" }, net = { "a.org" } }, { "a.org" })[1], "a.org")
  t.equal(#network.of_tool({ exec = { "rg" } }), 0)
  local hosts = network.of_tool({ exec = { "npm" }, net = { "a.org", "b.org" } }, { "a.org" })
  t.equal(#hosts, 1)
  t.equal(hosts[1], "a.org")
end)

t.test("a tool that asks for hosts needs the proxy, and commands in general do not get it", function()
  local sandbox = { network = "none", hosts = { "a.org" }, show = {}, pass = {} }
  local opened = { settings = { sandbox = sandbox }, tools = { read = { needs = {} } } }
  t.equal(network.of_run(opened).network, "none")
  opened.tools.web = { needs = { net = { "b.org" } } } -- by call.http: no command of it
  t.equal(network.of_run(opened).network, "none")
  opened.tools.npm = { needs = { exec = { "npm" }, net = { "b.org" } } }
  sandbox = network.of_run(opened)
  t.equal(sandbox.network, "proxy")
  t.equal(#sandbox.hosts, 0)
end)

t.test("options that cannot hold together are refused", function()
  local function given(values) return network.given(values) end
  t.equal(given({ allow_host = { "a.org" } })[2].value, "proxy")
  local _, err = given({ allow_host = { "a.org" }, network = "host" })
  t.contains(err.message, "--network proxy")
  _, err = given({ allow_host = { "a.org" }, unconfined = true })
  t.contains(err.message, "--unconfined")
  t.truthy(given({ allow_host = { "a.org" }, network = "proxy" }))
end)

t.test("base64 is that of RFC 4648", function()
  for bytes, want in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
    ["\0\xFF\xFE"] = "AP/+" } do
    t.equal(base64.encode(bytes), want)
  end
end)

return t
