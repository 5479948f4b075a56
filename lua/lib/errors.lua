--- What scripts answer as an error, in one shape. Pure.
local errors = {}

--- `nil, err` of a script: a table with code and message is taken as it is; anything else that an
--- author wrote (a text, a table without a message) becomes one, so that its words are not lost.
---@param err any
---@return Error
function errors.of(err)
  if type(err) ~= "table" then return { code = "script", message = tostring(err) } end
  if type(err.code) == "string" and type(err.message) == "string" then return err end
  local said = type(err.message) == "string" and err.message or "an error without a message"
  return { code = type(err.code) == "string" and err.code or "script", message = said,
    retryable = err.retryable == true or nil, details = err.details }
end

return errors
