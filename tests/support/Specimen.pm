# Specimen.pm -- the runs of tests/journals: what they are made of, and what must come of each.
#
# Use    my $home = Try::home();
#        Specimen::place($home);                          agents, a tool, a chain, a scenario
#        my @args = Specimen::args($home, $run);          how one of @Specimen::RUNS begins
# Mark   The tool `mark` counts in the file marks/WORD how often it was called with WORD, and cannot
#        be repeated.
# Keep   What stands here was given to earlier versions, and recordings name it: change nothing, add.
package Specimen;
use strict;
use warnings;
use File::Path qw(make_path);
use Try;

# `stops`: the process broke off before it appended the first record of that kind whose body matches;
# `waits`: what for, and what is said to it; `marks`: how often each word was marked in the end;
# `unknown`: of that call the outcome is unknown; `text`: what the run says in the end.
our @RUNS = (
    { name => 'finished', who => 'ender-agent', marks => { done => 1 }, text => 'All is done.' },
    { name => 'interrupted', who => 'worker-agent', stops => ['result', qr/Marked lost/], unknown => 1,
        marks => { begun => 1, lost => 1 }, text => 'I ended.' },
    { name => 'question', who => 'asker-agent', waits => 'question', say => ['answer', 'blue'],
        marks => { asked => 1 }, text => 'It is blue.' },
    { name => 'approval', who => 'marker-agent', waits => 'approval', say => ['approve'],
        marks => { end => 1 }, text => 'The end is marked.' },
    { name => 'chain', who => 'chain.lua', stops => ['result', qr/Marked helped/], unknown => 1,
        marks => { facts => 1, built => 1, helped => 1, last => 1 }, text => '"number":7' },
    { name => 'chain-asks', who => 'asks.lua', waits => 'question', say => ['answer', 'yes'],
        marks => { facts => 1, built => 1, helped => 1, last => 1 }, text => '"word":"yes"' },
);

my $MARK = <<'LUA';
local schema = require "lib.schema"
return {
  description = "Counts.",
  input = schema.object { { "word", schema.text(), "What is counted." } },
  effect = "write", needs = { read = { "." }, write = { "." } },
  run = function(input, call)
    local path = "marks/" .. input.word
    local count = tonumber(call.read(path) or "0") + 1
    local ok, err = call.write(path, tostring(count))
    if not ok then return nil, err end
    return "Marked " .. input.word .. "."
  end,
}
LUA

my $RULES = <<'YAML';
policy:
  rules:
    - ask: mark
      argument: { name: word, glob: end }
      why: the end is looked at
YAML

my $SCENARIO = <<'LUA';
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("a call may have an unknown outcome")
local function turn(said, ...) return { expect = whatever, text = said, calls = { ... } } end
local function mark(word) return { "mark", { word = word } } end
return { agents = {
  ["ender-agent"] = { { turn("I do it.", { "write", { path = "done.txt", content = "done\n" } },
    mark("done")), turn("All is done.") } },
  ["worker-agent"] = { { turn("I begin.", { "write", { path = "begun.txt", content = "begun\n" } },
    mark("begun")), turn("I go on.", { "read", { path = "begun.txt" } }, mark("lost")),
    turn("I ended.") } },
  ["asker-agent"] = { { turn("I ask.", mark("asked"),
    { "escalate", { to = "User", question = "Which colour?" } }),
    turn(function(given) return "It is " .. given.results[2].text .. "." end) } },
  ["marker-agent"] = { { turn("I mark it.", mark("end")), turn("The end is marked.") } },
  ["builder-agent"] = { { turn("I build.", mark("built")), turn("Built.") } },
  ["helper-agent"] = { { turn("I help.", mark("helped")), turn("Helped.") } },
} }
LUA

my $CHAIN = <<'LUA';
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  local facts = run.step("facts", function()
    run.tool("mark", { word = "facts" })
    return { number = 7 }
  end)
  local both, err = run.all {
    build = function() return run.ask("builder-agent", "Build it") end,
    help = function()
      run.sleep(60)
      return run.ask("helper-agent", "Help")
    end,
  }
  if not both then return nil, err end
  --QUESTION
  run.tool("mark", { word = "last" })
  return { number = facts.number, build = both.build, help = both.help, word = word }
end }
LUA

my $ASKS = 'local word = run.question("Shall it go?", { choices = { "yes", "no" } })';

sub place {
    my ($home) = @_;
    for my $name (qw(ender worker asker marker builder helper)) {
        my $edges = $name eq 'asker' ? "\n## Agent Relationships\n### Escalate To:\n- User (when a wish is unclear)\n" : '';
        Try::write_file("$home->{config}/perigee/agents/$name-agent.md",
            "---\nname: $name-agent\ndescription: One of them.\ntools: [read, write, mark]\n---\n\nYou work.\n$edges");
    }
    Try::write_file("$home->{config}/perigee/config.yaml", $RULES);
    Try::write_file("$home->{config}/perigee/tools/mark.lua", $MARK);
    Try::write_file("$home->{dir}/scenario.lua", $SCENARIO);
    (my $plain = $CHAIN) =~ s/--QUESTION/local word/;
    (my $asks  = $CHAIN) =~ s/--QUESTION/$ASKS/;
    Try::write_file("$home->{dir}/chain.lua", $plain);
    Try::write_file("$home->{dir}/asks.lua",  $asks);
}

# The workspace of a run; made when it is missing.
sub workspace {
    my ($home, $run) = @_;
    my $dir = "$home->{work}/$run->{name}";
    make_path($dir);
    return $dir;
}

sub args {
    my ($home, $run) = @_;
    my $who = $run->{who} =~ /\.lua$/ ? "$home->{dir}/$run->{who}" : $run->{who};
    return ('run', '--json', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/scenario.lua",
        '--workspace', workspace($home, $run), $who, "The task of $run->{name}");
}

1;
