--- How the page of `perigee runs export --format html` looks; light, dark and on paper. Its hash
--- stands in lib.export_html.
return [==[
:root {
  color-scheme: light dark;
  --ground: #f7f7f5; --sheet: #ffffff; --ink: #1d2126; --quiet: #626a73; --rule: #d8dbdf;
  --good: #2f7d3b; --bad: #b3261e; --hop: #1a66c9; --call: #6a3fc4; --code: #f1f2f4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --sheet: #1c2026; --ink: #e6e8eb; --quiet: #98a1ac; --rule: #343b44;
    --good: #76cc85; --bad: #ff8a80; --hop: #6aa9ff; --call: #b294ff; --code: #242a32;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 24px 20px 80px; max-width: 980px; background: var(--ground);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
}
h1 { font-size: 22px; line-height: 1.3; margin: 0 0 12px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 40px 0 4px; overflow-wrap: anywhere; }
h3 { font-size: 15px; margin: 0; }
dl { display: flex; flex-wrap: wrap; gap: 6px 28px; margin: 0 0 16px; }
dt { color: var(--quiet); font-size: 12px; }
dd { margin: 0; overflow-wrap: anywhere; }
a { color: var(--hop); }
pre {
  margin: 6px 0 0; padding: 8px 10px; background: var(--code); border-radius: 6px;
  font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
p { margin: 4px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
img { max-width: 100%; margin-top: 6px; border: 1px solid var(--rule); }
summary { cursor: pointer; color: var(--quiet); overflow-wrap: anywhere; }
details { margin-top: 6px; }
.ok { color: var(--good); } .bad { color: var(--bad); }
.quiet { color: var(--quiet); }
.run { border-top: 1px solid var(--rule); margin-top: 12px; }
.step { display: grid; grid-template-columns: 76px minmax(0, 1fr); gap: 14px; padding: 10px 0 0; }
.step > time { color: var(--quiet); font-size: 12px; text-align: right; padding-top: 2px;
  font-variant-numeric: tabular-nums; }
.turn > div, .finished > div { background: var(--sheet); border: 1px solid var(--rule);
  border-radius: 8px; padding: 10px 14px; }
.call { padding-top: 14px; }
.call > div { border-left: 3px solid var(--call); padding-left: 12px; }
.result { padding-top: 2px; }
.result > div { border-left: 3px solid var(--rule); padding-left: 12px; }
.result.failed > div { border-color: var(--bad); }
.hop > div { border-top: 2px solid var(--hop); padding-top: 6px; }
.small { font-size: 13px; color: var(--quiet); }
@media (max-width: 600px) { .step { grid-template-columns: 1fr; gap: 0; }
  .step > time { text-align: left; } }
@media print { body { max-width: none; } pre { border: 1px solid var(--rule); } }
]==]
