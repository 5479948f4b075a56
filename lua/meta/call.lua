---@meta
--- What a tool's `run` is handed. Only what the file's `needs` name may be used; the rest raises an
--- error that says which line is missing there. Everything marked async waits.

--- What the commands of this call may reach.
---@class CallSandbox
---@field network "none"|"proxy"|"host"
---@field hosts   string[] those that the proxy lets through

---@class Call
---@field workspace string absolute path
---@field sandbox   CallSandbox
---@field jobs?     Jobs   where `needs` has exec
---@field settings? table  what the host tells this tool; web_search its engine
---@field state?    table  what this tool answered as `state` at its last call in this run
---@field interrupted boolean the run was interrupted since this tool's last call: of what that left
---  only its `state` and files in the workspace are there
local call = {}

--- Times are "20s", "1h30m" or milliseconds, sizes "512M", "1G" or bytes. More than the user's
--- limits allow is cut to them, and a `timeout` also to the tool's own.
---@class ExecSpec
---@field [integer] string  the program and its arguments; no shell reads them
---@field cwd?       string  folder in the workspace; default its root
---@field stdin?     string
---@field env?       table<string, string>
---@field timeout?   string|integer
---@field cpu?       string|integer processor time of each of its processes
---@field memory?    string|integer that it and its children may use
---@field processes? integer        most processes at a time
---@field file_size? string|integer largest file that it may write
---@field output?    string|integer kept of each of stdout and stderr
---@field aside?     boolean        a pipe for bytes beside its outputs, on descriptor 250
---@field show?      boolean        to whoever watches, while it runs

--- What was refused, as far as it is known exactly; `lib.denial` makes lines of it, and guesses the
--- rest from the outputs.
---@class Denied
---@field what "host"|"file"|"network"
---@field name string
---@field why  string

---@class ExecUsage
---@field wall_ms integer
---@field cpu_ms  integer
---@field memory  integer bytes of its largest process

---@class ExecDone
---@field exit_code      integer
---@field signal?        integer
---@field limit?         string  what ended it: "wall", "output", "memory", ...
---@field allowed_ms     integer the time that it was given in the end
---@field stdout         string  head and tail; a line says where bytes are left out
---@field stderr         string
---@field stdout_dropped integer bytes
---@field stderr_dropped integer
---@field aside?         string  what came on descriptor 250; nil where more came than is kept
---@field usage          ExecUsage
---@field denied         Denied[]
---@field denied_more?   integer further refusals that are not listed

--- Runs a program in the sandbox and waits for its end. An exit code other than 0 is no error.
---@async
---@param spec ExecSpec
---@return ExecDone? done, Error? err
function call.exec(spec) end

---@class HttpSpec
---@field url            string   http or https; its host and port must be among `needs.net`
---@field method?        string   default GET, or POST where there is a body
---@field headers?       table<string, string>
---@field body?          string
---@field secret?        string   a name out of `needs.secrets`; the host adds its value
---@field secret_header? string   which header carries it; default authorization
---@field secret_prefix? string   before it; default "Bearer " in authorization, else nothing
---@field timeout?       string|integer "20s", "4m", or ms; never longer than the tool's own
---@field most?          integer|string bytes of the answer, or "2M"; default 4M, at most 32M
---@field redirects?     integer  most that are followed, 0 to 10; default 5

---@class HttpAnswer
---@field status  integer
---@field headers table<string, string> names in lower case; one that came twice is joined by ", "
---@field body    string  as the server's content coding unpacks
---@field url     string  where the answer came from, after redirects
---@field location? string where a redirect that was not followed leads: absolute

--- Sends one request and waits for its whole answer. Any status is an answer. Error "denied": a
--- host that is not in `needs.net`, or one whose name leads to an address that is not public and
--- not listed itself; "limit": the body is longer than `most`, or there are too many redirects;
--- "timeout", "unavailable", "protocol" as the connection went. A redirect is followed to listed
--- hosts only, never from https to http. The secret goes to the URL's own origin only, over https
--- (over http to a literal address of this machine); in what comes back its value reads "***".
---@async
---@param spec HttpSpec
---@return HttpAnswer? answer, Error? err
function call.http(spec) end

---@class PageSpec
---@field bytes    string   at most 8M
---@field charset? string   as iconv(3) names it, see lib.charset; default UTF-8
---@field html?    boolean  Markdown of its text; else the same text as UTF-8
---@field url?     string   where it came from: links are made absolute by it

---@class PageText
---@field text  string  valid UTF-8
---@field title string  of HTML, one line
---@field cut   boolean there would be more: of the text than 8M, or of HTML than is read

--- Reads what a stranger wrote, in a process that can do nothing else. No grant is needed. Error
--- "limit": too large or nested too deep; "invalid": the process was killed over it.
---@async
---@param spec PageSpec
---@return PageText? page, Error? err
function call.page(spec) end

--- Commands that run on after the call: background jobs. They belong to the run and are dead when
--- it ends. A tool sees those whose program it might start itself.
---@class Jobs
local jobs = {}

---@class JobSpec as ExecSpec, without a time limit: the run's own ends it
---@field [integer]  string
---@field title?     string  one line for people; default the program
---@field cwd?       string
---@field stdin?     string
---@field env?       table<string, string>
---@field cpu?       string|integer
---@field memory?    string|integer
---@field processes? integer
---@field file_size? string|integer
---@field output?    string|integer 16 times as much kills it

---@class Job
---@field id         integer
---@field title      string
---@field running    boolean
---@field unread     integer bytes that nobody has read
---@field exit_code? integer once it ended
---@field signal?    integer
---@field limit?     string
---@field news?      boolean in `list`: it has ended, and nobody was told before
---@field lost?      boolean it died with an earlier process of the run; how it ended nobody saw

---@class JobReport: Job
---@field stdout         string since the last report: head and tail
---@field stderr         string
---@field stdout_dropped integer bytes
---@field stderr_dropped integer

--- Starts one; 8 run at a time, at most.
---@param spec JobSpec
---@return integer? id, Error? err
function jobs.start(spec) end

--- Waits for its end, `wait` ms at most; with `quiet` also until it has printed something and then
--- nothing for so many ms. What could not be started is an error here.
---@async
---@param id       integer
---@param options? { wait?: integer, quiet?: integer }
---@return JobReport? report, Error? err
function jobs.read(id, options) end

--- Ends it, its children too: TERM, and KILL after two seconds.
---@async
---@param id integer
---@return JobReport? report, Error? err
function jobs.stop(id) end

---@return Job[] list oldest first
function jobs.list() end

--- `seen` comes from `read`: true when the file is as this run last read or wrote it, false when it
--- changed, nil when this run never did.
---@class FileInfo
---@field kind      "file"|"folder"|"link"|"other"
---@field size      integer  bytes
---@field mode      integer
---@field modified  integer  Unix milliseconds
---@field masked?   boolean  it may hold a secret: neither size, mode nor time is told
---@field hash?     string   of the content, where it was read
---@field seen?     boolean
---@field before?   string   where it changed: what the run saw last, if that is still kept

--- Reads a file. With `peek` it does not count as read for `write`'s "seen"; with `expect`, the
--- hash of an earlier look, it is error "invalid" when the content is another.
---@async
---@param path string below the workspace; absolute where the user granted a place outside
---@param options? { most?: integer, peek?: boolean, expect?: string } most: bytes; a larger file is
---  error "limit"
---@return string? bytes, FileInfo|Error info
function call.read(path, options) end

--- Takes a file for this call alone, until it ends: whoever else of this process wants it waits, in
--- the order of asking. For reading, changing and writing back. One file a call; error "timeout"
--- after 20 seconds.
---@async
---@param path string it need not be there
---@return true? held, Error? err
function call.hold(path) end

--- Replaces a file as a whole, keeping its mode; makes missing folders. `expect` "new": only where
--- no file is; "seen": only as this run last read or wrote it; else error "invalid".
---@async
---@param path string
---@param bytes string
---@param options? { expect?: "any"|"new"|"seen" }
---@return FileInfo? info, Error? err
function call.write(path, bytes, options) end

---@async
---@param path string
---@return { name: string, kind: string, size: integer, masked?: boolean }[]? entries sorted
---  bytewise
---@return Error? err
function call.list(path) end

---@async
---@param path string
---@return FileInfo? info, Error? err
function call.info(path) end

--- A line for the person who watches; it stands in the journal too, and no model sees it.
---@async
---@param text string
function call.log(text) end
