--- What people say to a run from elsewhere: answers, approvals, its cancellation. They stand in the
--- inbox of the top-level run until a record says what came of them. Host VM only.
local json    = require "lib.json"
local session = require "lib.session"

local inbox = {}

---@class inbox.Answer
---@field what   "answer"|"approve"|"deny"
---@field text?  string  of an answer
---@field always? boolean of an approval: it holds for later runs too
---@field number integer of its message
---@field run    string  who asks
---@field seq    integer of the question's record

---@class inbox.Open somebody who waits
---@field run   HostRun
---@field seq   integer
---@field kind  "question"|"approval"
---@field agent string who asks
---@field text  string what about, one line or more

local function name_of(run_id, seq) return ("%s:%d"):format(run_id, seq) end

--- Waits for a person's word about the question whose record is `seq`; with `ms` no longer than that.
---@async
---@param open inbox.Open
---@param ms?  integer
---@return inbox
