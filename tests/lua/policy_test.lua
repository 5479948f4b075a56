--- lua/policy.lua and what it is made of: tables of cases. Who changes the policy changes these.
local command = require "lib.command"
local glob    = require "lib.glob"
local grants  = require "lib.grants"
local policy  = require "policy"
local rules   = require "lib.policy_rules"
local schema  = require "lib.schema"
local t       = require "lib.test"

local READS  <const> = { read = { "." } }
local WRITES <const> = { read = { "." }, write = { "." } }
local RUNS   <const> = { exec = { "bash" }, read = { "." }, write = { "." } }
local NET    <const> = { net = { "example.org" } }

-- what holds without rules ------------------------------------------------------------------------

--- name | call: effect, needs, more | sandbox | verdict | part of the reason
local DEFAULTS <const> = {
  { "reading the workspace",                "read",    READS,                        "full",       "allow", "stays in" },
  { "reading works without a sandbox",      "read",    READS,                        "none",       "allow", "stays in" },
  { "writing the workspace",                "write",   WRITES,                       "full",       "allow", "stays in" },
  { "a command in the sandbox",             "write",   RUNS,                         "full",       "allow", "stays in" },
  { "no sandbox, no command",               "write",   RUNS,                         "none",       "deny",  "no sandbox" },
  { "a sandbox of unknown state is none",   "read",    { exec = { "rg" } },          nil,          "deny",  "no sandbox" },
  { "unconfined is the user's own word",    "write",   RUNS,                         "unconfined", "allow", "switched the sandbox off" },
  { "a tool that reaches nothing",          "read",    {},                           "none",       "allow", "stays in" },
  { "the network",                          "read",    NET,                          "full",       "ask",   "example.org" },
  { "the network, unconfined",              "read",    NET,                          "unconfined", "ask",   "network" },
  { "a command with network, unconfined",   "read",    { net = { "a" }, exec = { "x" } }, "unconfined", "ask", "network" },
  { "a secret",                             "read",    { secrets = { "KEY" } },      "full",       "ask",   "KEY" },
  { "a path from the root",                 "read",    { read = { "/etc" } },        "full",       "ask",   "/etc" },
  { "a path that climbs",                   "write",   { write = { "a/../../b" } },  "full",       "ask",   "a/../../b" },
  { "the home folder",                      "read",    { read = { "~/.ssh" } },      "full",       "ask",   "~/.ssh" },
  { "an effect outside",                    "outside", {},                           "full",       "ask",   "outside the workspace" },
  { "an effect nobody knows",               "peek",    {},                           "full",       "deny",  "not known" },
  { "needs that are not known",             "read",    nil,                          "full",       "deny",  "not known" },
}

for _, case in ipairs(DEFAULTS) do
  local name, effect, needs, sandbox, verdict, why = table.unpack(case, 1, 6)
  t.test(("%s: %s"):format(verdict, name), function()
    local answer = policy.decide({ tool = "x", input = {}, effect = effect, needs = needs, agent = "a" }, { sandbox = sandbox })
    t.equal(answer.verdict, verdict)
    t.contains(answer.why, why)
  end)
end

--- what is lacking of what is needed | verdict: what was granted no longer asks
for _, case in ipairs {
  { "read", NET, {}, "allow" }, { "read", NET, NET, "ask" }, { "outside", NET, {}, "ask" },
  { "read", { net = { "a", "b" } }, { net = { "b" } }, "ask" }, { "write", { write = { "/x" } }, {}, "allow" },
} do
  local effect, needs, lacks, verdict = table.unpack(case)
  t.test(("%s: effect %s where %s is needed and %s lacks"):format(verdict, effect, next(needs), next(lacks) or "nothing"), function()
    local answer = policy.decide({ tool = "x", input = {}, effect = effect, needs = needs, lacks = lacks, agent = "a" },
      { sandbox = "full" })
    t.equal(answer.verdict, verdict)
  end)
end

-- rules of config.yaml ----------------------------------------------------------------------------

local function bash(line) return { tool = "bash", effect = "write", needs = RUNS, command = line, input = { command = line } } end
local function at(...) return { tool = "write", effect = "write", needs = WRITES, paths = { ... } } end
local function to(...) return { tool = "web_fetch", effect = "read", needs = { net = { "*" } }, hosts = { ... } } end
local function by(agent) return { tool = "read", effect = "read", needs = READS, agent = agent } end
local function with(input) return { tool = "mail", effect = "read", needs = {}, input = input } end

local PUSH    <const> = { { deny = "bash", command = "git push*" } }
local STATUS  <const> = { { ask = "bash" }, }
local ONLY    <const> = { { allow = "bash", command = "git status*" } } -- seen against an effect that asks
local DOCS    <const> = { { deny = "*", path = "docs/**" } }
local ALLOWED <const> = { { allow = "web_fetch", host = "docs.python.org" } }
local LIKE    <const> = { { allow = "web_fetch", host = "*.python.org" } }
local EVIL    <const> = { { deny = "*", host = "*.evil.org" } }

local function outside(call)
  call.effect = "outside"
  return call
end

--- name | rules | call | verdict
local CASES <const> = {
  -- tools, agents, effects, arguments
  { "a tool by its name",                     { { deny = "read" } },                    by "a",             "deny" },
  { "another tool",                           { { deny = "write" } },                   by "a",             "allow" },
  { "a tool by a pattern",                    { { deny = "r*" } },                      by "a",             "deny" },
  { "tools in braces",                        { { deny = "{write,read}" } },            by "a",             "deny" },
  { "an agent",                               { { deny = "*", agent = "intern*" } },    by "intern-agent",  "deny" },
  { "another agent",                          { { deny = "*", agent = "intern*" } },    by "chief",         "allow" },
  { "an effect",                              { { ask = "*", effect = "read" } },       by "a",             "ask" },
  { "another effect",                         { { ask = "*", effect = "outside" } },    by "a",             "allow" },
  { "an argument",                            { { deny = "mail", argument = { name = "to", glob = "*@evil.org" } } }, with { to = "x@evil.org" }, "deny" },
  { "another argument",                       { { deny = "mail", argument = { name = "to", glob = "*@evil.org" } } }, with { to = "x@good.org" }, "allow" },
  { "an argument that is missing",            { { deny = "mail", argument = { name = "to", glob = "*" } } }, with {},               "allow" },
  { "one of several arguments",               { { deny = "mail", argument = { name = "to", glob = "evil" } } }, with { to = { "good", "evil" } }, "deny" },
  { "a number as an argument",                { { deny = "mail", argument = { name = "n", glob = "1?" } } }, with { n = 12 },       "deny" },
  { "all that a rule names must fit",         { { deny = "read", agent = "b", effect = "read" } }, by "a",  "allow" },
  -- order
  { "denial before question before permission", { { allow = "read" }, { ask = "read" }, { deny = "read" } }, by "a", "deny" },
  { "question before permission",             { { allow = "read" }, { ask = "read" } }, by "a",             "ask" },
  { "a permission beats the default question", ALLOWED,                                 to "docs.python.org", "allow" },
  { "a permission opens nothing that is denied", { { allow = "*" }, { deny = "*", effect = "read" } }, by "a", "deny" },
  -- commands: a denial finds them
  { "plain",                                  PUSH, bash "git push",                                        "deny" },
  { "with more words",                        PUSH, bash "git push origin main",                            "deny" },
  { "several blanks",                         PUSH, bash "  git \t push",                                   "deny" },
  { "behind &&",                              PUSH, bash "cd x && git push",                                "deny" },
  { "behind ;",                               PUSH, bash "true;git push",                                   "deny" },
  { "in a pipe",                              PUSH, bash "echo y | git push",                               "deny" },
  { "in the background",                      PUSH, bash "git push &",                                      "deny" },
  { "on a later line",                        PUSH, bash "ls\ngit push",                                    "deny" },
  { "in brackets",                            PUSH, bash "(git push)",                                      "deny" },
  { "in braces",                              PUSH, bash "{ git push; }",                                   "deny" },
  { "substituted",                            PUSH, bash "echo $(git push)",                                "deny" },
  { "substituted in quotes",                  PUSH, bash 'echo "a $(git push) b"',                          "deny" },
  { "in backticks",                           PUSH, bash "echo `git push`",                                 "deny" },
  { "behind variables",                       PUSH, bash "GIT_DIR=x A=b git push",                          "deny" },
  { "behind env",                             PUSH, bash "env -i A=b git push",                             "deny" },
  { "behind sudo and its options",            PUSH, bash "sudo -u me git push",                             "deny" },
  { "for another shell",                      PUSH, bash "bash -c 'cd x; git push'",                        "deny" },
  { "for eval",                               PUSH, bash "eval git\\ push",                                 "deny" },
  { "for xargs",                              PUSH, bash "ls | xargs -n 1 git push",                        "deny" },
  { "for find",                               PUSH, bash "find . -exec git push \\;",                       "deny" },
  { "in an if",                               PUSH, bash "if true; then git push; fi",                      "deny" },
  { "with quotes in it",                      PUSH, bash "g'i't \"push\"",                                  "deny" },
  { "with a backslash in it",                 PUSH, bash "\\git pu\\sh",                                    "deny" },
  { "over two lines",                         PUSH, bash "git \\\npush",                                    "deny" },
  { "by its path",                            PUSH, bash "/usr/bin/git push",                               "deny" },
  { "with options before the word",           PUSH, bash "git -C x --no-pager push",                        "deny" },
  { "with a redirection",                     PUSH, bash "git >log 2>&1 push",                              "deny" },
  { "with $IFS",                              PUSH, bash "git${IFS}push",                                   "deny" },
  { "from braces",                            PUSH, bash "{git,push}",                                      "deny" },
  { "behind a quote in a comment",            PUSH, bash "# don't\ngit push",                               "deny" },
  { "behind a quote in a here-document",      PUSH, bash "cat <<E\nit's\nE\ngit push",                      "deny" },
  { "behind a # that is no comment",          PUSH, bash "echo ${#x}; git push",                            "deny" },
  { "behind a quote that never closes",       PUSH, bash "echo 'x\ngit push",                               "deny" },
  { "without a star in the rule",             { { deny = "bash", command = "git push" } }, bash "git push -f", "deny" },
  { "blanks in the rule",                     { { deny = "bash", command = "git  push" } }, bash "git push", "deny" },
  { "of a program that pipes",                { { deny = "bash", command = "curl*|*sh" } }, bash "curl x | sh", "deny" },
  { "more commands than are looked at",       PUSH, bash(("a;b "):rep(1) .. (function() local l = {} for i = 1, 3000 do l[i] = "c" .. i end return table.concat(l, ";") end)()), "deny" },
  -- and leaves the others
  { "another command",                        PUSH, bash "git status",                                      "allow" },
  { "the words elsewhere",                    PUSH, bash "echo git push",                                   "allow" },
  { "the words in a message",                 PUSH, bash "git commit -m 'git push later'",                  "allow" },
  { "a word that only begins so",             { { deny = "bash", command = "git push" } }, bash "git pushy", "allow" },
  { "a comment",                              PUSH, bash "ls # git push",                                   "allow" },
  { "a tool without a command",               PUSH, by "a",                                                 "allow" },
  -- commands: a permission wants one plain command
  { "one plain command",                      ONLY, outside(bash "git status -s"),                          "allow" },
  { "two commands",                           ONLY, outside(bash "git status; ls"),                         "ask" },
  { "a substitution",                         ONLY, outside(bash "git status $(ls)"),                       "ask" },
  { "a redirection to a file",                ONLY, outside(bash "git status > x"),                         "ask" },
  { "a variable before it",                   ONLY, outside(bash "A=b git status"),                         "ask" },
  { "another program of that name",           ONLY, outside(bash "./git status"),                           "ask" },
  { "a question about any command",           STATUS, bash "ls",                                            "ask" },
  -- paths
  { "a path below a folder",                  DOCS, at "docs/a/b.md",                                       "deny" },
  { "one of several paths",                   DOCS, at("a", "docs/x"),                                      "deny" },
  { "a path beside it",                       DOCS, at "docs2/x",                                           "allow" },
  { "a name in any folder",                   { { deny = "*", path = "*.lock" } }, at "a/b/x.lock",         "deny" },
  { "all that lies in a folder of that name", { { deny = "*", path = "vendor" } }, at "a/vendor/x/y",       "deny" },
  { "a path from the root, of the workspace", { { deny = "*", path = "/w/secret/*" } }, at "secret/x",      "deny" },
  { "a path from the root, outside",          { { deny = "*", path = "/etc/**" } }, at "/etc/passwd",       "deny" },
  { "a relative rule, a path outside",        { { deny = "*", path = "etc/**" } }, at "/etc/passwd",        "allow" },
  { "a rule's path that leads nowhere",       { { deny = "*", path = "../x" } }, at "x",                    "deny" },
  { "a permission for all of the paths",      { { allow = "*", path = "a/*" } }, outside(at("a/x", "b/x")), "ask" },
  { "a permission for each path",             { { allow = "*", path = "{a,b}/*" } }, outside(at("a/x", "b/x")), "allow" },
  { "a permission for a folder's name alone", { { allow = "*", path = "a" } }, outside(at "a/x"),           "ask" },
  -- hosts
  { "a host",                                 ALLOWED, to "docs.python.org",                                "allow" },
  { "another host",                           ALLOWED, to "python.org",                                     "ask" },
  { "a host that ends alike",                 ALLOWED, to "evildocs.python.org",                            "ask" },
  { "one host of two",                        ALLOWED, to("docs.python.org", "evil.org"),                   "ask" },
  { "a host at another port",                 ALLOWED, to "docs.python.org:8080",                           "ask" },
  { "a host at the port of the rule",         { { allow = "*", host = "a.org:8080" } }, to "a.org:8080",    "allow" },
  { "below a name",                           LIKE, to "docs.python.org",                                   "allow" },
  { "the name itself",                        LIKE, to "python.org",                                        "ask" },
  { "a name behind the name",                 LIKE, to "docs.python.org.evil.org",                          "ask" },
  { "letters of either size in the rule",     { { allow = "*", host = "Docs.Python.ORG" } }, to "docs.python.org", "allow" },
  { "an odd address fits no permission",      { { allow = "*", host = "*" } }, to "?",                      "ask" },
  { "an odd address fits every denial",       EVIL, to "?",                                                 "deny" },
  { "a denied host at any port",              EVIL, to "x.evil.org:8443",                                   "deny" },
  { "a denied host among others",             EVIL, to("a.org", "x.evil.org"),                              "deny" },
  { "a tool that needs what is denied",       { { deny = "*", host = "x.evil.org" } }, to "*.evil.org",     "deny" },
  { "a tool that needs any host",             EVIL, to "*",                                                 "deny" },
}

local function written(rows)
  local list = {}
  for i, row in ipairs(rows) do
    local rule = { file = "config.yaml", line = i }
    for key, value in pairs(row) do
      if key == "deny" or key == "ask" or key == "allow" then rule.verdict, rule.tool = key, value else rule[key] = value end
    end
    list[i] = rule
  end
  return list
end

for _, case in ipairs(CASES) do
  local name, rows, given, verdict = table.unpack(case)
  t.test(("rules %s: %s"):format(verdict, name), function()
    local call = { input = {}, agent = "a", paths = {}, hosts = {} }
    for key, value in pairs(given) do call[key] = value end
    local facts = { sandbox = "full", workspace = "/w", rules = written(rows) }
    local answer = policy.decide(call, facts)
    t.equal(answer.verdict, verdict)
    local first -- explain says the same
    for _, look in ipairs(policy.explain(call, facts)) do
      if look.held and not first then first = look end
    end
    t.equal(first.verdict, verdict)
    t.equal(first.why, answer.why)
  end)
end

t.test("a verdict says which rule it is and where that stands", function()
  local facts = { sandbox = "full", workspace = "/w", rules = written { { deny = "read", why = "mine" }, { deny = "write", path = "x" } } }
  t.equal(policy.decide({ tool = "read", input = {}, effect = "read", needs = READS, agent = "a", paths = {}, hosts = {} }, facts),
    { verdict = "deny", why = "mine", from = "config.yaml:1" })
  local answer = policy.decide({ tool = "write", input = {}, effect = "write", needs = WRITES, agent = "a", paths = { "x" }, hosts = {} }, facts)
  t.equal(answer.from, "config.yaml:2")
  t.contains(answer.why, 'deny write path="x"')
end)

-- what a call names -------------------------------------------------------------------------------

for _, case in ipairs {
  { "a", "a" }, { "./a/../b", "b" }, { "a//b/./c/", "a/b/c" }, { ".", "." }, { "", "." }, { "/w", "." }, { "/w/a", "a" },
  { "/w/../w/a", "a" }, { "../x", "/x" }, { "../w/a", "a" }, { "/etc/../etc/passwd", "/etc/passwd" }, { "/wx", "/wx" },
  { "../../../..", "/" },
} do
  t.test(("the path %q is %q for rules"):format(case[1], case[2]), function()
    t.equal(rules.plain_path(case[1], "/w"), case[2])
  end)
end

for _, case in ipairs {
  { "https://Docs.Python.ORG/3/", "docs.python.org" }, { "http://a.org:80/", "a.org" }, { "https://a.org:443", "a.org" },
  { "https://a.org:80/", "a.org:80" }, { "https://a.org:8443?x", "a.org:8443" }, { "https://good.org@evil.org/", "evil.org" },
  { "https://good.org:x@evil.org:81#", "evil.org:81" }, { "a.org.", "a.org" }, { "https://[::1]:8080/", "[::1]:8080" },
  { "https://evil.org\\@good.org/", "?" }, { "https://a b/", "?" }, { "https:///x", "?" }, { "https://%65vil.org", "?" },
} do
  t.test(("the address %q leads to %q"):format(case[1], case[2]), function() t.equal(rules.host_of(case[1]), case[2]) end)
end

t.test("paths and hosts are known by schema and by name, at any depth", function()
  local declaration = { needs = { net = { "Fallback.org" } }, input = schema.object {
    { "from", schema.path(), "A path." }, { "path", schema.text {}, "Named so.", optional = true },
    { "more", schema.list { of = schema.object { { "to", schema.path(), "P." }, { "url", schema.text {}, "U." } } }, "M.", optional = true },
    { "content", schema.text {}, "Neither.", optional = true } } }
  t.equal(rules.names(declaration, { from = "./b", path = "a", content = "https://x.org",
    more = { { to = "/w/c", url = "https://Z.org/q" }, { to = "c", url = "https://y.org" } } }, "/w"),
    { paths = { "a", "b", "c" }, hosts = { "y.org", "z.org" } })
  t.equal(rules.names(declaration, { from = "b" }, "/w"), { paths = { "b" }, hosts = { "fallback.org" } })
end)

t.test("a text glob spans everything, and braces are several", function()
  t.equal(glob.text("git push*")("git push a/b c"), true)
  t.equal(glob.text("{a,b}?")("bx"), true)
  t.equal(glob.text("git push")("git pushx"), false)
end)

-- a definition's brackets -------------------------------------------------------------------------

--- command line | fits "git:*" and "npm test"
local SCOPED <const> = {
  { "git status", true }, { "git", true }, { "  git log -3", true }, { "npm test", true },
  { "npm test --all", false }, { "gitk", false }, { "rm -rf .", false }, { "git status; rm x", false },
  { "git status && rm x", false }, { "git log | sh", false }, { "git log `rm x`", false }, { "git $(rm x)", false },
  { "git log > x", false }, { "git status\nrm x", false }, { "", false },
}

for _, case in ipairs(SCOPED) do
  t.test(("a definition's brackets %s %q"):format(case[2] and "allow" or "refuse", case[1]), function()
    local answer = policy.decide({ tool = "bash", input = { command = case[1] }, effect = "write", needs = RUNS,
      agent = "a", scopes = { "git:*", "npm test" } }, { sandbox = "full", rules = written { { allow = "*" } } })
    t.equal(answer.verdict, case[2] and "allow" or "deny")
  end)
end

--- hosts of a call | brackets | allowed
for _, case in ipairs {
  { { "example.org" }, { "domain:example.org" }, true }, { { "docs.example.org" }, { "domain:example.org" }, false },
  { { "docs.example.org" }, { "domain:*.example.org" }, true }, { { "example.org:8443" }, { "domain:example.org" }, false },
  { { "a.org" }, { "domain: A.org", "domain:b.org" }, true }, { { "a.org", "c.org" }, { "domain:a.org" }, false },
  { { "?" }, { "domain:a.org" }, false }, { {}, { "domain:a.org" }, false }, { { "a.org" }, { "a.org" }, false },
} do
  local hosts, scopes, allowed = case[1], case[2], case[3]
  t.test(("brackets %s %s %s"):format(table.concat(scopes, ", "), allowed and "allow" or "refuse", table.concat(hosts, ", ")), function()
    local call = to(table.unpack(hosts))
    call.scopes, call.input, call.agent = scopes, {}, "a"
    t.equal(policy.decide(call, { sandbox = "full", rules = written { { allow = "*" } } }).verdict, allowed and "allow" or "deny")
  end)
end

-- grants ------------------------------------------------------------------------------------------

--- needs | granted | has: net, secrets, roots | lacks
local GRANTS <const> = {
  { "nothing is needed", {}, { net = { "a" } }, {}, {} },
  { "the workspace needs no grant", WRITES, nil, {}, {} },
  { "nothing is granted", { net = { "a.org" }, secrets = { "K" }, read = { "/d" } }, nil, {}, { net = { "a.org" }, secrets = { "K" }, read = { "/d" } } },
  { "all is granted", { net = { "a.org" }, secrets = { "K" } }, { net = { "a.org" }, secrets = { "K" } }, { net = { "a.org" }, secrets = { "K" } }, {} },
  { "a host below a granted name", { net = { "x.a.org" } }, { net = { "*.a.org" } }, { net = { "x.a.org" } }, {} },
  { "a name above a granted host", { net = { "*.a.org" } }, { net = { "x.a.org" } }, { net = { "x.a.org" } }, { net = { "*.a.org" } } },
  { "any host, of which some are granted", { net = { "*" } }, { net = { "a.org" } }, { net = { "a.org" } }, { net = { "*" } } },
  { "granted, but not needed", { net = { "a.org" } }, { net = { "b.org" }, secrets = { "K" } }, {}, { net = { "a.org" } } },
  { "a folder in a granted one", { read = { "/d/x" } }, { read = { "/d" } }, { roots = { { path = "/d/x", write = false } } }, {} },
  { "a folder beside a granted one", { read = { "/dx" } }, { read = { "/d" } }, {}, { read = { "/dx" } } },
  { "granted for writing is for reading too", { read = { "/d" } }, { write = { "/d" } }, { roots = { { path = "/d", write = false } } }, {} },
  { "granted for reading is not for writing", { write = { "/d" } }, { read = { "/d" } }, {}, { write = { "/d" } } },
  { "a path that climbs is never granted", { read = { "/d/../e" } }, { read = { "/d", "/e" } }, {}, { read = { "/d/../e" } } },
  { "a path of the home folder", { read = { "~/x/" } }, { read = { "/home/me/x" } }, { roots = { { path = "/home/me/x", write = false } } }, {} },
}

for _, case in ipairs(GRANTS) do
  local name, needs, granted, has, lacks = table.unpack(case, 1, 5)
  t.test("grants: " .. name, function()
    local got, missing = grants.compare(needs, granted, "/home/me")
    t.equal(got, { net = has.net or {}, secrets = has.secrets or {}, roots = has.roots or {} })
    t.equal(missing, lacks)
  end)
end

--- host that a call names | granted | refused
for _, case in ipairs {
  { "127.0.0.1", nil, true }, { "127.0.0.1:8080", nil, true }, { "[::1]:80", nil, true }, { "10.1.2.3", nil, true },
  { "169.254.169.254", nil, true }, { "100.64.0.1", nil, true }, { "[::ffff:127.0.0.1]", nil, true }, { "[64:ff9b::a00:1]", nil, true },
  { "[fe80::1]", nil, true }, { "0.0.0.0", nil, true }, { "224.0.0.1", nil, true },
  { "93.184.216.34", nil, false }, { "[2606:4700::1]", nil, false }, { "example.org", nil, false }, { "localhost", nil, false },
  { "127.0.0.1:8080", "127.0.0.1:8080", false }, { "127.0.0.1:8080", "127.0.0.1", true }, { "127.0.0.1", "10.0.0.1", true },
} do
  local host, granted, refused = case[1], case[2], case[3]
  t.test(("%s is %s where %s is granted"):format(host, refused and "refused" or "no matter of addresses", granted or "nothing"), function()
    local why = grants.inside({ name = "web", needs = { net = { "*" } }, granted = { net = { granted } } }, { host })
    t.equal(why ~= nil, refused)
    if refused then t.contains(why, ('grants: { web: { net: ["%s"] } }'):format(host)) end
  end)
end

t.test("an address that a tool's own file lists is that file's affair", function()
  t.equal(grants.inside({ name = "x", needs = { net = { "127.0.0.1:80" } }, granted = { net = {} } }, { "127.0.0.1:80" }), nil)
end)

t.test("the lines that would grant a tool what it needs", function()
  t.equal(grants.lines({ name = "web", needs = { net = { "a.org", "*.b.org" }, secrets = { "K" }, read = { ".", "~/x" } } }, "/home/me"),
    'grants:\n  web: { net: [a.org, "*.b.org"], secrets: [K], read: [/home/me/x] }')
end)

t.test("a project's tool that stands in for another is granted nothing", function()
  local function declared(shadows)
    local tools = { web = { name = "web", needs = { secrets = { "K" } }, shadows = shadows } }
    grants.apply(tools, { grants = { web = { secrets = { "K" } } } })
    return tools.web.lacks
  end
  t.equal(declared(false), nil)
  t.equal(declared(true), { secrets = { "K" } })
end)

t.test("decisions are pure: the call is as it was", function()
  local call = { tool = "bash", input = { command = "ls" }, effect = "write", needs = { exec = { "bash" } }, agent = "a" }
  local one = policy.decide(call, { sandbox = "full" })
  t.equal(policy.decide(call, { sandbox = "full" }), one)
  t.equal(call, { tool = "bash", input = { command = "ls" }, effect = "write", needs = { exec = { "bash" } }, agent = "a" })
end)

t.test("a long command line is looked through within the budget of a decision", function()
  local body = ("x = \"it's %d\"\n"):rep(6000)
  t.truthy(#(command.anywhere("cat > f <<'E'\n" .. body .. "E\n") or {}) > 0)
end)

return t
