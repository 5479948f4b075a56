--- Parts of addresses. Pure.
local url = {}

--- Percent-encodes all but RFC 3986's unreserved characters.
---@param s string|number
---@return string
function url.escape(s)
  return (tostring(s):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- A query of fields in their order, with its question mark.
---@param fields { [1]: string, [2]: string|number }[]
---@return string
function url.query(fields)
  local parts = {}
  for i, field in ipairs(fields) do
    parts[i] = url.escape(field[1]) .. "=" .. url.escape(field[2])
  end
  return "?" .. table.concat(parts, "&")
end

return url
