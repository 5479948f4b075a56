--- tools/bash.lua. Skipped where no sandbox can be made.
local t = require "lib.test"

local function bash(run, command, timeout)
  local said, data = run.tool("bash", { command = command, timeout = timeout })
  if not said then t.skip("commands do not run here: " .. data.message) end
  return said, data
end

t.test("output comes as it was printed", function(run)
  t.equal((bash(run, "echo one; echo two")), "one\ntwo")
  t.equal((bash(run, "true")), "(no output)")
end)

t.test("both outputs are told apart", function(run)
  t.equal((bash(run, "echo out; echo err >&2")), "out\n[stderr]\nerr")
  t.equal((bash(run, "echo err >&2")), "err")
end)

t.test("an exit code other than 0 is told, as text and as data", function(run)
  local said, data = bash(run, "echo x; exit 3")
  t.equal(said, "x\n[exit code 3]")
  t.equal(data.exit_code, 3)
end)

t.test("bytes that are no text become signs that can be sent", function(run)
  t.equal((bash(run, "printf 'a\\377\\000b'")), "a\u{FFFD}\u{FFFD}b")
end)

t.test("long output keeps both ends and says what is missing", function(run)
  local said = bash(run, "seq 1 50000; echo problem >&2")
  t.truthy(#said < 31000)
  t.equal(said:sub(1, 6), "1\n2\n3\n")
  t.contains(said, "left out ...]\n")
  t.contains(said, "\n50000\n[stderr]\nproblem")
end)

t.test("a command that runs too long is stopped and says so", function(run)
  t.contains((bash(run, "echo begun; sleep 60", 1)), "[stopped: it ran longer than 1 s")
end)

t.test("a timeout that is no length of time is refused with the range", function(run)
  local _, err = run.tool("bash", { command = "true", timeout = 0 })
  t.contains(err.message, "from 1 to 86400")
end)

-- what lasts -------------------------------------------------------------------------------------

--- The tests of a file share one run: in its root, with no variable left of the test before.
local function fresh(run)
  local said = bash(run, "cd " .. run.workspace .. "; export PATH=/usr/bin:/bin; rm -rf ./*; "
    .. "unset $(compgen -e | grep -vx PATH)")
  t.equal(said, "(no output)")
end

t.test("the folder and exported variables last until the next call", function(run)
  fresh(run)
  bash(run, "mkdir -p a/b && cd a/b && export WORD='two  words' && own=1")
  t.equal((bash(run, 'echo "${PWD##*/} $WORD ${own-unset}"; cd - >/dev/null; cd -')),
    "b two  words unset\n" .. run.workspace .. "/a/b\n[in a/b]")
  local _, data = bash(run, "cd ..")
  t.equal(data.folder, "a")
  t.equal((bash(run, "unset WORD; cd /tmp")), "[in /tmp]")
  t.equal((bash(run, "echo ${WORD-unset}; cd " .. run.workspace)), "unset")
end)

t.test("however a command ends, its code is its own and what is known lasts", function(run)
  fresh(run)
  bash(run, "mkdir -p x/y; cd x; export KEPT=1")
  local cases = {
    { "cd y; exit 3", 3, "[in x/y]" },
    { "cd ..; set -e; false; echo not here", 1, "[in x]" },
    { "set -euxo pipefail; cd y; echo $NO_SUCH", 1, "[in x/y]" },
    { "f() { cd ..; exit 7; }; f", 7, "[in x]" },
    { "cd y; trap 'exit 9' EXIT", 9, "[in x/y]" },
    { "cd ..; trap 'true' EXIT; exit 4", 4, "[in x/y]" }, -- nobody could say where it was
    { "cd ..; exec false", 1, "[in x/y]" },
    { "cd ..; kill -KILL $$", 137, "[in x/y]" },
    { "cd ..; if then", 2, "[in x/y]" },
    { "cd ..; (exit 5)", 5, "[in x]" },
    { "cd y; enable -n printf local; (exit 6)", 6, "[in x]" },
  }
  for _, case in ipairs(cases) do
    local said, data = bash(run, case[1])
    t.contains(said, case[3])
    t.equal(data.exit_code, case[2])
  end
  t.contains((bash(run, "echo kept $KEPT")), "kept 1")
end)

t.test("variables last whatever they are called, and nothing that is not exported", function(run)
  fresh(run)
  bash(run, "mkdir v; cd v; export d=1 n=2 Z=3 _z=4 unset_one; own=5; export -n Z; declare -x a=6; set -a; IFS=,")
  t.equal((bash(run, 'echo "$d $n ${Z-} $_z ${own-} $a ${unset_one-none}"; unset IFS; set -- x,y; '
    .. 'printf "<%s>" $1')), "1 2  4  6 none\n<x,y>\n[in v]")
end)

t.test("the command's first process is the shell's first", function(run)
  fresh(run)
  t.equal((bash(run, "(echo $((BASHPID - $$)))")), "1")
end)

t.test("lines are counted as they were written", function(run)
  t.contains((bash(run, "true\n\nno_such_command")), "line 3: no_such_command")
end)

t.test("bytes that are no text last as they are", function(run)
  fresh(run)
  bash(run, [[mkdir $'caf\xe9'; cd $'caf\xe9'; export B=$'\xff\n\x01']])
  t.contains((bash(run, 'printf "%s" "$B" | od -An -tx1; basename "$PWD" | od -An -tx1')),
    " ff 0a 01\n 63 61 66 e9 0a")
end)

t.test("what the host sets is the host's, whatever a command exports", function(run)
  fresh(run)
  bash(run, "export HOME=/x TMPDIR=/x HTTPS_PROXY=http://x http_proxy=x GIT_CONFIG_COUNT=0 "
    .. "BASH_ENV=/x SHELLOPTS; set -x")
  t.equal((bash(run, 'echo "$HOME $TMPDIR ${HTTPS_PROXY-} ${http_proxy-} $GIT_CONFIG_COUNT '
    .. '${BASH_ENV-} $-"')), "/home/agent /tmp   1  hBc")
end)

t.test("a PATH that finds nothing lasts too, and bash is found all the same", function(run)
  fresh(run)
  bash(run, "export PATH=/nowhere")
  t.equal((bash(run, "echo $PATH; type -P ls")), "/nowhere\n[exit code 1]")
end)

t.test("what keeps the shell from starting is forgotten, and that is said", function(run)
  fresh(run)
  local said = bash(run, "export LD_LIBRARY_PATH=$PWD/l WORD=1; mkdir l; echo no >l/libc.so.6")
  t.equal(said, "(no output)")
  t.contains((bash(run, "echo $WORD")), "the shell could not start with the variables")
  t.equal((bash(run, "echo ${WORD-unset}")), "unset")
end)

t.test("what is too large or too many does not last; the rest does", function(run)
  fresh(run)
  t.equal((bash(run, "export BIG=$(head -c 40000 /dev/zero | tr '\\0' x) SMALL=1")),
    "[too large or too many to last until the next command: BIG]")
  t.contains((bash(run, "for i in {1..400}; do export N$i=1; done")), "too many to last")
  t.equal((bash(run, 'echo "${#BIG} $SMALL $(compgen -e | grep -c ^N)"')), "0 1 148")
end)

t.test("what a command itself says aside is checked like everything else", function(run)
  fresh(run)
  bash(run, "mkdir sub; export KEPT=1")
  t.equal((bash(run, "head -c 300000 /dev/zero | tr '\\0' x >&250; cd sub")), "(no output)")
  t.equal((bash(run, [[printf 'sub\0A=1\0B C=1\0\0' >&250; exec true]])),
    "[the folder is gone; the next command starts in the workspace's root]")
  t.equal((bash(run, "pwd; echo ${A-unset} ${KEPT-unset}; compgen -e | grep -c B")),
    run.workspace .. "\n1 unset\n0\n[exit code 1]")
end)

t.test("a folder that is gone is said at once, or the next command is not run elsewhere", function(run)
  fresh(run)
  t.contains((bash(run, "mkdir -p d/e; cd d/e; rmdir ../e")), "[the folder is gone; the next")
  t.equal((bash(run, "mkdir f; cd f; mkfifo ../told")), "[in f]")
  local mover = run.tool("bash", { background = true, command = "cat ../told; mv ../f ../g" })
  t.contains(mover, "is running")
  bash(run, "echo >../told; until [ -d ../g ]; do :; done; exec true")
  local said, data = bash(run, "touch here")
  t.equal(said, "[not run: the folder f is gone; the shell is in the workspace's root now]")
  t.equal(data.exit_code, 126)
  t.contains((bash(run, "pwd; ls")), run.workspace .. "\nd\ng\ntold")
end)

t.test("of commands side by side each begins alike, and the one that ends last is gone on from",
  function(run)
    fresh(run)
    bash(run, "mkdir one two; export WORD=0")
    local function first() return bash(run, "echo $WORD; cd one; export WORD=1; touch ../go") end
    local function last()
      return bash(run, "until [ -e go ]; do :; done; sleep 0.3; echo $WORD; cd two; export WORD=2")
    end
    local said = run.all { first, last }
    t.equal(said[1], "0\n[in one]")
    t.equal(said[2], "0\n[in two]")
    t.equal((bash(run, "echo $WORD")), "2\n[in two]")
  end)

-- jobs --------------------------------------------------------------------------------------------

local function job(run, command)
  local said, data = run.tool("bash", { command = command, background = true })
  if not said then t.skip("commands do not run here: " .. data.message) end
  return data.job, said, data
end

t.test("a job answers its first output, runs on, and is asked for the rest", function(run)
  fresh(run)
  local id, said, data = job(run, "echo begun; until [ -e go ]; do sleep 0.01; done; echo done; exit 3")
  t.equal(data.running, true)
  t.contains(said, ("begun\n[job %d (echo begun; until"):format(id))
  t.contains(said, "is running]\n[bash_output tells")
  local now = run.tool("bash_output", { job = id })
  t.equal(now:sub(1, 5), "[job ")
  bash(run, "touch go")
  local rest, ended = run.tool("bash_output", { job = id, wait = 60 })
  t.contains(rest, "done\n[job ")
  t.contains(rest, "ended: exit code 3]")
  t.equal(ended.exit_code, 3)
  t.equal((bash(run, "true")), "(no output)") -- its end was told
end)

t.test("a job that ended by itself is told once by a later command", function(run)
  fresh(run)
  local id = job(run, "until [ -e go ]; do sleep 0.01; done; echo last; exit 4")
  local told = bash(run, "touch go") -- it may have ended before this one did
  while not told:find("ended", 1, true) do
    run.sleep(20) -- what counts is the job, and time passes while it runs
    told = bash(run, "true")
  end
  t.contains(told, "ended: exit code 4; bash_output has the rest of what it printed]")
  t.equal((bash(run, "true")), "(no output)")
  t.contains(run.tool("bash_output", { job = id }), "last")
end)

t.test("a job is ended with its children, politely first", function(run)
  fresh(run)
  local polite = job(run, "trap 'echo bye; exit 0' TERM; echo ready; sleep 1000 & wait")
  t.contains(run.tool("bash_kill", { job = polite }), "bye")
  local deaf = job(run, "trap '' TERM; (setsid sleep 1000 &); echo ready; sleep 1000; sleep 1000")
  t.contains(run.tool("bash_kill", { job = deaf }), "killed by signal 9")
  local _, err = run.tool("bash_kill", { job = 999 })
  t.equal(err.code, "not_found")
  t.contains(err.message, "there is no job 999 in this run; job ")
end)

t.test("a job begins in the shell's folder with its variables, and changes neither", function(run)
  fresh(run)
  bash(run, "mkdir j; cd j; export WORD=1")
  local id, said = job(run, 'echo "${PWD##*/} $WORD"; cd ..; export WORD=2')
  t.contains(said .. run.tool("bash_output", { job = id, wait = 60 }), "j 1\n")
  t.equal((bash(run, "echo $WORD")), "1\n[in j]")
end)

t.test("a server that was started answers the next command", function(run)
  fresh(run)
  local id = job(run, [[exec perl -MIO::Socket::INET -e '$| = 1;
    my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 8123);
    while (my $c = $s->accept) { print "asked\n"; print $c "served\n"; close $c }']])
  t.contains((bash(run, "until exec 3<>/dev/tcp/127.0.0.1/8123; do sleep 0.05; done 2>/dev/null; "
    .. "head -1 <&3")), "served")
  t.contains(run.tool("bash_output", { job = id }), "asked")
  run.tool("bash_kill", { job = id })
end)

t.test("of long output of a job head and tail are kept between two looks", function(run)
  fresh(run)
  local id, first = job(run, "seq 1 100000; touch over; sleep 1000")
  bash(run, "until [ -e over ]; do sleep 0.01; done")
  local rest = run.tool("bash_output", { job = id })
  t.truthy(#first < 40000 and #rest < 40000)
  t.contains(first .. rest, "left out ...]")
  t.contains(first .. rest, "100000\n[job ")
  run.tool("bash_kill", { job = id })
end)

t.test("the ninth job is refused until one has ended", function(run)
  fresh(run)
  local ids = {}
  for i = 1, 8 do ids[i] = job(run, "sleep 1000") end
  local _, err = run.tool("bash", { command = "true", background = true })
  t.equal(err.code, "limit")
  t.contains(err.message, "8 background jobs are running")
  run.tool("bash_kill", { job = ids[5] })
  t.equal((job(run, "true")), ids[8] + 1)
end)

return t
