--- Tavily: search made for models, with a key. As @tavily/core 0.7.13 (npm) asks, read 2026-11-23:
--- POST /search, at most 20 results.
local json = require "lib.json"

return {
  base_url = "https://api.tavily.com", base_url_variable = "TAVILY_BASE_URL",
  secret = "TAVILY_API_KEY",
  request = function(query, count)
    return { path = "/search", headers = { ["content-type"] = "application/json" },
      body = json.encode(json.object { { "query", query }, { "max_results", math.min(count, 20) },
        { "search_depth", "basic" } }) }
  end,
  results = function(body) return json.decode(body).results end,
  fields = { text = "content", date = "published_date" },
}
