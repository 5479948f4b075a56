--- perigee doctor: whether commands can be jailed here, and pages of the web read, found by doing
--- it; which settings hold.
local args     = require "lib.args"
local json     = require "lib.json"
local project  = require "lib.project"
local settings = require "lib.settings"
local show     = require "lib.show"
local words_of = require "lib.settings_words"

local SPEC <const> = {
  usage = "perigee doctor [OPTIONS]",
  about = "Says whether the sandbox and the reader of web pages work on this machine, and if not, "
    .. "which step\nfails and what helps; then every setting in force, and who set it.",
  options = {
    { "--project", "text", "the folder whose settings count (default: found from the current one)",
      hint = "DIR" },
    { "--json", "flag", "print one JSON object" },
    table.unpack(settings.OPTIONS),
  },
}

local READ <const> = "# caf\u{E9}" -- what the page of the trial comes to

--- Whether pages of the web can be read here.
---@return Error? why not
local function trial_of_pages(cli)
  local page, err = cli.probe_page()
  if not page then return err end
  if page.text:find(READ, 1, true) then return nil end
  return { code = "bug", message = ("page: its reader made %q of a page that says %q"):format(
    page.text, READ) }
end

local function print_json(cli, sandbox, pages, found, err)
  cli.out(json.encode(json.object {
    { "sandbox", sandbox and { level = "none", error = sandbox } or { level = "full" } },
    { "pages", json.object { { "read", not pages }, { "error", pages } } },
    { "settings", found and json.object {
      { "sandbox", found.sandbox }, { "limits", found.limits }, { "policy", found.policy },
      { "search", found.search }, { "provider", found.provider }, { "context", found.context },
      { "grants", found.grants },
    } },
    { "origin", found and found.origin },
    { "warnings", found and found.warnings },
    { "problems", err and json.array(err.details or { err.message }) },
  }) .. "\n")
end

local function print_settings(cli, found, err)
  if not found then
    cli.out("\nsettings: none hold until this is mended:\n")
    for _, problem in ipairs(err.details or { err.message }) do
      cli.out("  " .. show.clean(problem) .. "\n")
    end
    return
  end
  cli.out("\nsettings in force:\n")
  for _, line in ipairs(words_of.lines(found)) do cli.out(show.clean(line) .. "\n") end
  for _, warning in ipairs(found.warnings) do
    cli.err("perigee: " .. show.clean(warning) .. "\n")
  end
end

---@async
local function doctor(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return show.failure(cli, err, 2) end
  local values = given.values
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local ok, no_sandbox = cli.probe_sandbox(true)
  local no_pages = trial_of_pages(cli)
  local where, found
  where, err = project.find(cli, values.project)
  if where then found, err = settings.load(cli, where, settings.given(values)) end
  if values.json then
    print_json(cli, not ok and no_sandbox or nil, no_pages, found, not found and err or nil)
  else
    cli.out(ok and "sandbox: full\n" .. assert(cli.sandbox_layers())
      or ("sandbox: none: %s\n"):format(show.clean(no_sandbox.message)))
    cli.out(no_pages and ("web pages: cannot be read: %s\n"):format(show.clean(no_pages.message))
      or "web pages: are read in a cell of their own\n")
    print_settings(cli, found, err)
  end
  if not ok then return cli.exit_code(no_sandbox.code) end
  if no_pages then return cli.exit_code(no_pages.code) end
  return found and 0 or cli.exit_code(err.code)
end

return { usage = SPEC.usage, run = doctor }
