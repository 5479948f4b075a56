#!/usr/bin/perl
# texts.t -- the texts that a run was made of outlive their files: Lua, what it requires, definitions and
# their hooks are taken from the journal, whatever became of them since. The program that is asked is this
# one with a verb of the test's own, which loads a project as a run that is carried on does.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();
my $own  = Try::program_with($home, <<'LUA');
local json  = require "lib.json"
local start = require "lib.start"
local texts = require "lib.texts"
local function failed(cli, err)
  cli.out(json.encode { error = err.code, message = err.message })
  return 0
end
return { run = function(cli, words)
  assert(cli.open_journal(words[1]))
  local recorded = assert(texts.of(cli, assert(cli.find_run "last")))
  if words[3] then recorded.files[words[3]] = ("0"):rep(64) end
  local loaded, err = start.load(cli, words[2], { recorded = recorded })
  if not loaded then return failed(cli, err) end
  local who, changed = loaded.catalog.by_name["one-agent"], {}
  for i, path in ipairs(loaded.changed) do changed[i] = path:match "[^/]*$" end
  if who then assert(start.hooks(cli, who)) end
  cli.out(json.encode { changed = json.array(changed), description = who and who.description,
    hooks = who and who.hooks, tool = loaded.box.tools.word and loaded.box.tools.word.description,
    read = loaded.box.tools.read.description, tools = who and json.array(who.tools),
    routing = cli.decide("lua/routing.lua", "choose", "x", {}) })
  return 0
end }
LUA

sub tool {
    my ($says) = @_;
    return qq[local schema, words = require "lib.schema", require "words"\n]
        . qq[return { description = words.first .. " $says.", input = schema.object {}, effect = "read", run = function() return "$says" end }];
}

sub agent { return "---\nname: one-agent\ndescription: $_[0]\ntools: [$_[1]]\n---\nYou work.\n" }

my $work = $home->{work};
my $routing = 'local r = require "lib.route" return { choose = function() return { to = "WHO", why = "x" } end, model = r.first { { why = "any" } }, next = r.by_relations }';
sub put_all {
    my ($word) = @_;
    Try::write_file("$work/agents/one-agent.md", agent("It $word.", 'word'));
    Try::write_file("$work/agents/one-agent.lua", "return { accept = function() return true end } -- $word");
    Try::write_file("$work/tools/word.lua", tool($word));
    Try::write_file("$work/lua/words.lua", "return { first = \"Now it\" } -- $word");
    (my $text = $routing) =~ s/WHO/$word/;
    Try::write_file("$home->{config}/perigee/lua/routing.lua", $text);
}
put_all('ran');
Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
return { agents = { ["one-agent"] = { {
  { expect = rehearse.anything("texts are the test"), calls = { { "word", "{}" } } },
  { expect = rehearse.anything("texts are the test"), text = "Done." },
} } } }
LUA
Try::run(home => $home, args => ['trust', '.']);
my $ran = Try::run(home => $home, args => ['run', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/scenario.lua", 'one', 'Go.']);
is($ran->{exit}, 0, 'there is a run') or diag($ran->{err});
my ($prompt) = grep { $_->{kind} eq 'prompt' } Try::journal($home);
is($prompt->{body}{file}, "$work/agents/one-agent.md", 'a prompt names the definition that it was made of');

sub loads {
    my $ran = Try::run(home => $home, program => $own, args => ['tools', $home->{store}, $work, @_]);
    return eval { $Try::JSON->decode($ran->{out}) } || diag("$ran->{out}$ran->{err}") && {};
}

is_deeply(loads()->{changed}, [], 'where nothing changed nothing is said to');

put_all('is');
my $told = loads();
is_deeply([sort @{ $told->{changed} }], [sort qw(words.lua routing.lua word.lua one-agent.lua one-agent.md)], 'what changed is named');
is($told->{description}, 'It ran.', 'an agent is what its definition said then');
is($told->{tool}, 'Now it ran.', 'a tool is what its file said then');
is_deeply($told->{routing}, { to => 'ran', why => 'x' }, 'and so is what the user routes by');
is_deeply($told->{tools}, ['word'], 'the agent has the tools that it had');

unlink "$work/agents/one-agent.md", "$work/agents/one-agent.lua", "$work/tools/word.lua", "$work/lua/words.lua";
Try::write_file("$work/agents/other-agent.md", "---\nname: other-agent\ndescription: x\n---\nx\n");
$told = loads();
is($told->{description}, 'It ran.', 'an agent whose file is gone is there');
ok($told->{hooks}{accept}, 'with its hooks');
is($told->{tool}, 'Now it ran.', 'a tool whose file is gone too, with what it requires');

Try::run(home => $home, args => ['trust', '--revoke', '.']);
$told = loads();
is($told->{error}, 'denied', 'of a project that is not trusted any more nothing is loaded, neither as it was nor as it is');
like($told->{message}, qr/^\Q$work\E is not trusted any more.*one-agent\.lua, project:lua\/words\.lua, project:tools\/word\.lua.*perigee trust \Q$work\E/,
    'which is said, with what to do');
Try::run(home => $home, args => ['trust', '.']);
is(loads()->{tool}, 'Now it ran.', 'trusted again it is what it was when it ran');

my $lost = loads('tools/lost.lua');
is($lost->{error}, 'not_found', 'a text that the journal has lost stops everything');
like($lost->{message}, qr{^tools/lost\.lua: .*--with-current}, 'by its name, with what to do');

done_testing();
