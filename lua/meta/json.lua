---@meta lib.json
--- JSON that keeps what was sent: integers, empty arrays, null, and key order where it is asked
--- for.

local json = {}

--- The value of JSON null. It is not nil, and it counts as true in an `if`.
---@type userdata
json.null = nil

---@param text string
---@param options? { ordered?: boolean } ordered: objects remember their key order for `encode`
---@return any value
---@return Error? err
function json.decode(text, options) end

--- Keys are written sorted bytewise, or in the order they remember.
---@param value any
---@param options? { indent?: integer }
---@return string text
function json.encode(value, options) end

--- Marks a table as an array, so that it is one when empty, and answers it.
---@generic T: table
---@param t T
---@return T
function json.array(t) end

---@param value any
---@return boolean is true for a marked table and for a plain sequence that is not empty
function json.is_array(value) end

--- An object whose keys are written in this order; a nil value leaves its key out.
---@param entries { [1]: string, [2]: any }[]
---@return table object
function json.object(entries) end

--- Text that is JSON already and is put as it stands.
---@param text string
---@return table raw
function json.raw(text) end

return json
