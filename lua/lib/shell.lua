--- What of a shell lasts from one call to the next: its folder and the variables that it exported.
--- They are data, carried by the host; the shell itself ends with its call. Pure.
---
---   the shell says aside  record ...    the first at its start, the last as it ended
---   record                folder NUL  (NAME=value NUL) ...  NUL
---
--- A command may write there what it likes, and may end before it says anything: what is not whole
--- and well formed changes nothing. What the host itself sets stays the host's, since only what a
--- command changed is kept.
local json = require "lib.json"
local text = require "lib.text"

local shell = {}

local VALUE_MOST     <const> = 16384 -- bytes of one variable
local STATE_MOST     <const> = 56000 -- bytes of all, as JSON: below what a tool may keep
local VARIABLES_MOST <const> = 150
local FOLDER_MOST    <const> = 4096
local LISTED_MOST    <const> = 10

--- First letters of names, whose variables bash lists without another process.
local LETTERS <const> = "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

--- Says the folder.
local AT <const> = [=[
__perigee_at() {
  builtin local __perigee_d=$PWD;
  [[ $__perigee_d == /* && . -ef $__perigee_d ]]
    || { __perigee_d=$(builtin pwd -P) && [[ . -ef $__perigee_d ]]; } || __perigee_d=gone;
  builtin printf '%s\0' "$__perigee_d"; }; ]=]

--- At the start: the variables are those that the shell was given. None of this starts a process: a
--- command that does little would wait for those of its shell for most of its time.
local BEGIN <const> = [=[
{ __perigee_at; mapfile -d '' -t __perigee_e </proc/self/environ;
  printf '%s\0' "${__perigee_e[@]}" ''; unset __perigee_e; } >&250 2>/dev/null; ]=]

--- At the end, in a shell of its own, so that no setting of the command's shell disturbs it;
--- answers $1.
local SAY <const> = [=[
__perigee_say() (
  set +efuvx; __perigee_at;
  for __perigee_n in ]=] .. LETTERS:gsub(".", '"${!%0@}" ') .. [=[; do
    [[ ${!__perigee_n@a} == *x* && -v $__perigee_n ]]
      && builtin printf '%s=%s\0' "$__perigee_n" "${!__perigee_n}";
  done;
  builtin printf '\0'; exit "${1:-0}"
) >&250 2>/dev/null; ]=]

--- The program bash is found by the sandbox's own PATH, whatever a command made of its.
local ENTER <const> = [=[
[[ -v __perigee_path ]] && { PATH=$__perigee_path; unset __perigee_path; }; ]=]
local OBEY <const> = [=[__perigee_command=$1; shift; eval "$__perigee_command"]=]

--- A background job: its shell leaves nothing.
shell.JOB = ENTER .. OBEY

--- The command is begun on the first line, so that bash counts its lines as the model wrote them.
--- The trap says how the shell ends where it exits, the second line where it comes to its end or
--- the command has set a trap of its own.
shell.SCRIPT = ENTER .. ((AT .. BEGIN .. SAY):gsub("\n *", " "))
  .. [=[trap '{ [[ -v __perigee_said ]] || __perigee_say; } 2>/dev/null' EXIT; ]=] .. OBEY .. "\n"
  .. [=[{ __perigee_said=$?; __perigee_say "$__perigee_said"; } 2>/dev/null]=]

local HOST <const> = { -- set anew for each command; or only of this one shell
  HOME = true, USER = true, LOGNAME = true, TMPDIR = true, GIT_TERMINAL_PROMPT = true,
  PWD = true, SHLVL = true, _ = true, SHELLOPTS = true, POSIXLY_CORRECT = true,
}

local function is_kept(name)
  if HOST[name] or #name > 128 or not name:match("^[%a_][%w_]*$") then return false end
  return not (name:match("^BASH") or name:match("^__perigee_") or name:match("^GIT_CONFIG_")
    or name:lower():match("_proxy$"))
end

--- Text that JSON can carry: as it stands, or its bytes in hex where it is no UTF-8.
local function pack(value)
  if utf8.len(value) then return value end
  return { hex = (value:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) }
end

local function unpack_text(packed)
  if type(packed) == "string" then return packed end
  return (packed.hex:gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- Records of what a shell said aside, each { folder, variables }; what is not whole is left out.
local function read(said)
  local records, items = {}, {}
  for item in said:gmatch("([^\0]*)\0") do
    if item ~= "" then
      items[#items + 1] = item
    elseif #items > 0 then
      local record = { folder = items[1], variables = {} }
      for i = 2, #items do
        local name, value = items[i]:match("^([^=]+)=(.*)$")
        if name then record.variables[name] = value end
      end
      if #items > 1 then records[#records + 1] = record end
      items = {}
    end
  end
  return records
end

--- A folder as it may be entered; nil where what was said is none.
local function folder_of(said)
  return said:sub(1, 1) == "/" and #said <= FOLDER_MOST and said or nil
end

--- What is kept of the variables: those that the command changed, and those kept before that are
--- still there.
local function changed(first, last, before)
  local kept, left_out = {}, {}
  for _, name in ipairs(text.sorted_keys(last)) do
    local value = last[name]
    if is_kept(name) and (before[name] ~= nil or first[name] ~= value) then
      if #value > VALUE_MOST then left_out[#left_out + 1] = name else kept[name] = pack(value) end
    end
  end
  return kept, left_out
end

--- Leaves out the largest until the rest fits; of those kept before none while there are others.
local function bound(kept, before, left_out)
  local names, sizes, sum = text.sorted_keys(kept), {}, 0
  for _, name in ipairs(names) do
    sizes[name] = #json.encode { [name] = kept[name] }
    sum = sum + sizes[name]
  end
  table.sort(names, function(a, b)
    if (before[a] == nil) ~= (before[b] == nil) then return before[a] == nil end
    if sizes[a] ~= sizes[b] then return sizes[a] > sizes[b] end
    return a < b
  end)
  local count = #names
  for _, name in ipairs(names) do
    if sum <= STATE_MOST and count <= VARIABLES_MOST then break end
    kept[name], sum, count = nil, sum - sizes[name], count - 1
    left_out[#left_out + 1] = name
  end
end

--- A folder as it is kept: one in the workspace from there on, since a run may go on with its
--- workspace in another place.
local function kept_folder(folder, workspace)
  local inside = folder:sub(1, #workspace + 1) == workspace .. "/" and folder:sub(#workspace + 2)
  return inside and inside:match("^[^/].*$") or folder
end

--- Where that is now.
local function folder_in(state, workspace)
  local kept = state and state.folder and unpack_text(state.folder)
  return kept and kept:sub(1, 1) ~= "/" and workspace .. "/" .. kept or kept
end

---@class shell.State plain data
---@field folder?   any where the next command begins, from the workspace on where it lies in it;
---  nil: in the workspace's root
---@field variables table<string, any>

--- What the next command is started with.
---@param state     shell.State?
---@param workspace string
---@return string? cwd, table<string, string> env
function shell.begin(state, workspace)
  local env = {}
  for name, value in pairs(state and state.variables or {}) do env[name] = unpack_text(value) end
  env.__perigee_path, env.PATH = env.PATH, nil
  local folder = folder_in(state, workspace)
  if folder == workspace then folder = nil end
  if folder then env.PWD = folder end -- bash takes it where it leads here: links keep their names
  return folder, env
end

--- The state that a command leaves, and what the model has to know about it.
---@param said      string? what the shell said aside, if it is whole
---@param state     shell.State? before
---@param workspace string
---@return shell.State? state nil: as before
---@return string[] notes
function shell.after(said, state, workspace)
  local records = read(said or "")
  local first, last = records[1], records[#records]
  if #records < 2 then return nil, {} end
  local notes, before = {}, state and state.variables or {}
  local kept, left_out = changed(first.variables, last.variables, before)
  bound(kept, before, left_out)
  local folder = folder_of(last.folder)
  if not folder then
    notes[#notes + 1] = "the folder is gone; the next command starts in the workspace's root"
  end
  if #left_out > 0 then
    notes[#notes + 1] = ("too large or too many to last until the next command: %s%s"):format(
      table.concat(left_out, ", ", 1, math.min(#left_out, LISTED_MOST)),
      #left_out > LISTED_MOST and ", ..." or "")
  end
  if folder == workspace then folder = nil end
  return { folder = folder and pack(kept_folder(folder, workspace)), variables = kept }, notes
end

--- Whether the shell came as far as its command.
---@param said string?
---@return boolean
function shell.began(said) return said == nil or #read(said) > 0 end

--- A folder as people write it: below the workspace without the workspace's own path.
---@param state     shell.State?
---@param workspace string
---@return string? folder nil in the root
function shell.folder(state, workspace)
  local folder = folder_in(state, workspace)
  return folder and (text.valid(kept_folder(folder, workspace)))
end

return shell
