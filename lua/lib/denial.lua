--- What a command was refused, in lines that a model or a person can act on. The first kind is
--- known exactly (`done.denied`: hosts that the proxy refused, what git would obey); the second is
--- read out of what the command printed, and says so: a program may print anything. Pure.
local text = require "lib.text"

local denial = {}

local LINES_MOST <const> = 4
local EXACT_MOST <const> = 3     -- of these; the last line is left for what is inferred
local LOOK_AT    <const> = 8000  -- bytes at the end of each output: reasons stand there
local NAME_MOST  <const> = 200
local LINE_MOST  <const> = 1000  -- bytes of a line that are looked at

---@class denial.Facts what is known of the sandbox; `call.sandbox` of a tool is one
---@field network? "none"|"proxy"|"host"
---@field hosts?   string[] what the proxy lets through
---@field writes?  boolean  false: the workspace is read-only for this command

--- Names come from whoever made them: one line, and no endless one.
local function plain(name)
  return text.cut_middle((text.valid(name):gsub("%c", "?")), NAME_MOST):gsub("\n", " ")
end

local function exact(done)
  local lines, more = {}, done.denied_more or 0
  for _, one in ipairs(done.denied or {}) do
    if #lines < EXACT_MOST then
      local what = one.what == "host" and "refused by the network rules: " or ""
      lines[#lines + 1] = ("%s%s %s"):format(what, plain(one.name), plain(one.why))
    else
      more = more + 1
    end
  end
  if more > 0 then lines[#lines] = lines[#lines] .. (" (and %d more)"):format(more) end
  return lines
end

local NO_NAME <const> = {
  "Could not resolve", "Temporary failure in name resolution", "Name or service not known",
  "Network is unreachable", "ENETUNREACH", "EAI_AGAIN", "ENOTFOUND", "nodename nor servname",
  "No address associated with hostname", "failed to lookup address", "no such host",
  "unable to resolve host", "bad address", "failure in name resolution",
}

local function any_of(said, signs)
  for _, sign in ipairs(signs) do
    if said:find(sign, 1, true) then return true end
  end
  return false
end

local function no_network(said, facts)
  if facts.network == "host" or not any_of(said, NO_NAME) then return nil end
  if facts.network == "proxy" and facts.hosts and facts.hosts[1] then
    return ("only %s can be reached, and only through the proxy in HTTPS_PROXY; names are not "
      .. "resolved in here"):format(plain(table.concat(facts.hosts, ", ")))
  end
  return "there is no network in here, and trying again will not help; "
    .. "the user can allow hosts (sandbox.hosts, --allow-host)"
end

--- The line of `said` that holds `sign`, from `init` on: before it, behind it, and where to look
--- for the next; nil where none does.
local function around(said, sign, init)
  local first, last = said:find(sign, init or 1, true)
  if not first then return nil end
  local from, line_end = math.max(1, first - LINE_MOST), said:find("\n", last, true)
  local before = said:sub(from, first - 1)
  for at = #before, 1, -1 do
    if before:byte(at) == 10 then
      before = before:sub(at + 1)
      break
    end
  end
  return before, said:sub(last + 1, math.min((line_end or #said + 1) - 1, last + LINE_MOST)),
    last + 1
end

--- "touch: cannot touch '/usr/x': Read-only file system", "sh: 1: cannot create /x: Read-only ...",
--- "EROFS: read-only file system, open '/usr/x'".
local function read_only_path(said)
  local before = around(said, "Read-only file system")
  if before then
    return before:match("['‘]([^'‘’]+)['’]*:?%s*$") or before:match("([^%s:'‘’]+):%s*$") or ""
  end
  local _, behind = around(said, "EROFS")
  return behind and (behind:match("'([^']+)'") or "")
end

local function read_only(said, facts)
  local path = read_only_path(said)
  if not path then return nil end
  local where = path ~= "" and plain(path) or "that place"
  if facts.writes == false then return where .. " is read-only: this tool only reads" end
  if where:find("%.git") or where:find("%.perigee") or where:find("%.claude") then
    return where .. " is kept read-only, so that no later command obeys it; leave it as it is"
  end
  return where .. " is read-only; write in the workspace, /tmp or /home/agent"
end

--- Names that are masked, as host/sandbox/plan_rules.c has them.
local function is_secret(name)
  if name == ".env.example" then return false end
  return name:find("^%.env") ~= nil or name:find("%.pem$") ~= nil
    or name:find("^id_[%l%d]+$") ~= nil or name:find("^id_[%l%d]+_sk$") ~= nil
end

local function masked(said)
  local before, behind, after = around(said, "Permission denied")
  while before do
    for word in (before .. " " .. behind):gmatch("[^%s'\":‘’]+") do
      for name in word:gmatch("[^/]+") do -- a folder of such a name is masked with what it holds
        if is_secret(name) then
          return plain(word) .. " is masked, because files of this name hold secrets; "
            .. "do the work without it, or ask the user"
        end
      end
    end
    before, behind, after = around(said, "Permission denied", after)
  end
end

local FORBIDDEN <const> = {
  { "no new privileges", "sudo and other set-uid programs do not work in here" },
  { "effective uid is not 0", "sudo and other set-uid programs do not work in here" },
  { "unshare failed: Operation not permitted", "no namespaces can be made in here" },
  { "ping: socket: Operation not permitted", "no raw sockets can be made in here" },
  { "must be superuser to use mount", "nothing can be mounted in here" },
  { "Cannot connect to the Docker daemon", "no service of the machine can be reached from here" },
  { "fork: retry: Resource temporarily unavailable", "the limit of processes is reached" },
  { "fork: Resource temporarily unavailable", "the limit of processes is reached" },
  { "No space left on device",
    "/tmp, /var/tmp and /home/agent hold 1 GB each; the workspace is as large as the disk" },
}

local function forbidden(said)
  for _, row in ipairs(FORBIDDEN) do
    if said:find(row[1], 1, true) then return row[2] end
  end
end

--- By the signal that ended it, or that a shell reports of what it started.
local SIGNALS <const> = {
  [24] = "a process used up its processor time",
  [25] = "a file would have become larger than is allowed",
  [31] = "it was killed for a system call of a foreign architecture, which is not let through",
}

local function killed(done)
  if not done.limit then return SIGNALS[done.signal or done.exit_code - 128] end
end

--- At most a few hints, each one line without a line end; none where nothing was refused.
---@param done   ExecDone
---@param facts? denial.Facts
---@return string[] lines
function denial.lines(done, facts)
  local lines, known = exact(done), facts or {}
  if done.exit_code == 0 then return lines end -- what it printed did not hinder it
  local said = done.stderr:sub(-LOOK_AT) .. "\n" .. done.stdout:sub(-LOOK_AT)
  local refused_host = false
  for _, one in ipairs(done.denied or {}) do refused_host = refused_host or one.what == "host" end
  for _, inferred in ipairs {
    not refused_host and no_network(said, known) or false, read_only(said, known) or false,
    masked(said) or false, forbidden(said) or false, killed(done) or false,
  } do
    if inferred and #lines < LINES_MOST then
      lines[#lines + 1] = "probably the sandbox: " .. inferred
    end
  end
  return lines
end

return denial
