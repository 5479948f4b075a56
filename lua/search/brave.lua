--- Brave Search: an index of its own, with a key. As @brave/brave-search-mcp-server 2.1.4 (npm)
--- asks, read 2026-11-23: GET /res/v1/web/search, at most 20 results, 400 characters and 50 words.
local json = require "lib.json"
local url  = require "lib.url"

--- The first words, as many as are taken.
local function shortened(query)
  local words, length = {}, 0
  for word in query:gmatch("%S+") do
    length = length + utf8.len(word) + 1
    if #words == 50 or length > 400 then break end
    words[#words + 1] = word
  end
  return table.concat(words, " ")
end

return {
  base_url = "https://api.search.brave.com", base_url_variable = "BRAVE_BASE_URL",
  secret = "BRAVE_API_KEY", secret_header = "X-Subscription-Token",
  request = function(query, count)
    return { path = "/res/v1/web/search" .. url.query {
      { "q", shortened(query) }, { "count", math.min(count, 20) }, { "text_decorations", "false" },
      { "result_filter", "web" } } }
  end,
  results = function(body)
    local answer = json.decode(body)
    return answer.web and answer.web.results or {} -- nothing found: no `web`
  end,
  fields = { text = "description", date = "age" },
}
