#!/usr/bin/perl
# resume_workspace.t -- a run goes on where it worked. Another folder at the same path is not that place,
# nor is what a link leads to; who wants it to go on elsewhere says so.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use File::Path qw(make_path remove_tree);
use Test::More;
use Try;

# Plays a chain in DIR/room until it waits; the answer is written into the workspace.
sub begin {
    my $home = Try::home();
    my $room = "$home->{dir}/room";
    make_path($room);
    Try::write_file("$home->{dir}/chain.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  run.tool("write", { path = "before.txt", content = "before\n" })
  local word = run.question("Go?")
  local ok, err = run.tool("write", { path = "after.txt", content = word .. "\n" })
  return ok or err.message
end }
LUA
    my $ran = Try::run(home => $home, args => ['run', '--store', $home->{store}, '--workspace', $room, '--model', 'rehearsal:demo', "$home->{dir}/chain.lua"]);
    is($ran->{exit}, 40, 'a run waits') or diag($ran->{err});
    return ($home, $room);
}

sub verb { my ($home, @args) = @_; return Try::run(home => $home, args => ['runs', @args, '--store', $home->{store}]) }

# A folder that has the path of the old one, which is moved away: neither inode nor time are those of the old.
sub replace {
    my ($room) = @_;
    rename $room, "$room.old" or die $!;
    make_path($room);
}

# -- replaced ----------------------------------------------------------------------------------------

{
    my ($home, $room) = begin();
    my ($first) = Try::journal($home);
    ok($first->{body}{workspace_id}{inode}, 'the first record says which folder it is');
    replace($room);
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 33, 'another folder at the same path is not gone on in') or diag($ran->{out}, $ran->{err});
    like($ran->{err}, qr/workspace \Q$room\E is another folder than the one it worked in.*perigee runs resume \S+ --workspace DIR/, 'why, and what to do, is said');
    ok(!-e "$room/after.txt", 'nothing is written there');
    $ran = verb($home, 'resume', 'last');
    is($ran->{exit}, 33, 'nor is it on a resume');
    rename $room, "$room.new" or die $!;
    rename "$room.old", $room or die $!;
    is(verb($home, 'resume', 'last')->{exit}, 0, 'back in its place the old one is known, and the answer was kept');
    is(Try::read_file("$room/after.txt"), "yes\n", 'so that the run comes to its end there');
}
{
    my ($home, $room) = begin();
    replace($room);
    my $ran = verb($home, 'resume', 'last', '--workspace', $room);
    is($ran->{exit}, 40, 'where the user names the folder the run goes on in it') or diag($ran->{err});
    $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, 'and from then on it is the one') or diag($ran->{err});
    is(Try::read_file("$room/after.txt"), "yes\n", 'in which it works');
    ok(!-e "$room/before.txt", 'what was done before is not done again');
}

# An inode is given again at once on many file systems: then the time tells.
{
    my ($home, $room) = begin();
    my $inode = (stat $room)[1];
    remove_tree($room);
    make_path($room);
    my $born = $Try::JSON->encode((Try::journal($home))[0]{body}{workspace_id}{born});
    SKIP: {
        skip "this file system gave another inode, and says when folders were made: $born", 1 if (stat $room)[1] != $inode;
        skip 'this file system does not say when folders were made', 1 if $born eq 'null';
        is(verb($home, 'answer', 'last', 'yes')->{exit}, 33, 'a folder with the inode of the old one is another one');
    }
}

# -- gone, moved, a link ------------------------------------------------------------------------------

{
    my ($home, $room) = begin();
    rename $room, "$home->{dir}/moved" or die $!;
    my $ran = verb($home, 'resume', 'last');
    is($ran->{exit}, 34, 'a workspace that is gone is said to be') or diag($ran->{err});
    like($ran->{err}, qr/workspace \Q$room\E is gone; put it back, or: perigee runs resume/, 'with what to do');
    ok(!-e $room, 'it is not made anew');
    symlink "$home->{dir}/moved", $room or die $!;
    $ran = verb($home, 'resume', 'last');
    like($ran->{err}, qr/workspace \Q$room\E leads to \Q$home->{dir}\E\/moved now/, 'a link is not followed');
    $ran = verb($home, 'answer', 'last', 'yes', '--workspace', "$home->{dir}/moved");
    is($ran->{exit}, 0, 'a run goes on in the place to which it was moved') or diag($ran->{err});
    is(Try::read_file("$home->{dir}/moved/after.txt"), "yes\n", 'where it works');
    is((grep { $_->{kind} eq 'run.resumed' } Try::journal($home))[-1]{body}{workspace}, "$home->{dir}/moved", 'which is recorded');
}

# What was judged is what is opened: a folder that is put in its place meanwhile is not.
{
    my $home = Try::home();
    my $room = "$home->{dir}/room";
    make_path($room);
    my $own = Try::program_with($home, <<'LUA');
return { run = function(cli, words)
  assert(cli.open_journal(words[1]))
  local run, err = cli.open_run { agent = "one", task = "work", workspace = words[2],
    folder = { device = tonumber(words[3]), inode = tonumber(words[4]) } }
  cli.out((run and "opened" or err.code .. ": " .. err.message) .. "\n")
  if run then run:close() end
  return 0
end }
LUA
    my ($device, $inode) = (stat $room)[0, 1];
    my $try = sub { return Try::run(home => $home, program => $own, args => ['tools', $home->{store}, $room, $device, $inode])->{out} };
    is($try->(), "opened\n", 'the folder that was looked at is opened');
    replace($room);
    is($try->(), "denied: workspace $room: another folder was put in its place\n", 'another one in its place is not');
    rename $room, "$room.new" or die $!;
    symlink "$room.new", $room or die $!;
    like($try->(), qr/^denied: workspace \Q$room.new\E: another folder/, 'nor is what a link there leads to');
}

# -- a journal that does not say which folder it was ---------------------------------------------------

SKIP: {
    skip 'sqlite3 is not installed', 3 if system('command -v sqlite3 >/dev/null') != 0;
    my ($home, $room) = begin();
    system('sqlite3', $home->{store}, "UPDATE records SET body = json_remove(body, '\$.workspace_id')") == 0 or die $?;
    replace($room);
    my $ran = verb($home, 'answer', 'last', 'yes');
    is($ran->{exit}, 0, 'an older journal goes on by the path') or diag($ran->{err});
    ok((grep { $_->{kind} eq 'run.resumed' && $_->{body}{workspace_id}{inode} } Try::journal($home)), 'and knows the folder from then on');
}

# -- what lay in it ------------------------------------------------------------------------------------

{
    my $home = Try::home();
    my $room = "$home->{dir}/room";
    Try::write_file("$room/chain.lua", 'local schema = require "lib.schema" return { params = schema.object {}, run = function(run) return run.question("Go?") end }');
    is(Try::run(home => $home, cwd => $room, args => ['run', '--store', $home->{store}, '--model', 'rehearsal:demo', 'chain.lua'])->{exit}, 40, 'a chain that lies in its workspace waits');
    rename $room, "$home->{dir}/moved" or die $!;
    Try::write_file("$home->{dir}/moved/chain.lua", 'nothing that could be loaded');
    my $ran = verb($home, 'answer', 'last', 'yes', '--workspace', '../moved');
    is($ran->{exit}, 0, 'moved with it, it goes on with the text that it had') or diag($ran->{err});
    like($ran->{err}, qr{not as they are now: \Q$home->{dir}/moved/chain.lua\E}, 'under the name that it has now');
    rename "$home->{dir}/moved", "$home->{dir}/again" or die $!;
    my ($step) = grep { $_->{kind} eq 'answer' } Try::journal($home);
    $ran = verb($home, 'resume', 'last', '--from', $step->{seq}, '--workspace', '../again');
    is($ran->{exit}, 40, 'and where it was moved twice') or diag($ran->{err});
}

# -- an agent of a project that was moved ---------------------------------------------------------------

{
    my $home = Try::home();
    my $room = "$home->{dir}/room";
    Try::write_file("$room/agents/one-agent.md", "---\nname: one-agent\ndescription: One.\ntools: [read, write]\n---\nYou work.\n\n### Escalate To:\n- User (always)\n");
    Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("where it works is the test")
return { agents = { ["one-agent"] = { {
  { expect = whatever, text = "I ask.", calls = { { "escalate", { to = "User", question = "Go?" } } } },
  { expect = whatever, text = "I write.", calls = { { "write", { path = "after.txt", content = "after\n" } } } },
  { expect = whatever, text = function(given) return given.results[1].text end },
} } } }
LUA
    my $ran = Try::run(home => $home, cwd => $room, args => ['run', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/scenario.lua", 'one-agent', 'Do it.']);
    is($ran->{exit}, 40, 'an agent of a project waits') or diag($ran->{err});
    rename $room, "$home->{dir}/moved" or die $!;
    $ran = verb($home, 'answer', 'last', 'yes', '--workspace', "$home->{dir}/moved");
    is($ran->{exit}, 0, 'moved with its project it goes on there') or diag($ran->{out}, $ran->{err});
    is(Try::read_file("$home->{dir}/moved/after.txt"), "after\n", 'and works there');
}

{
    my $home = Try::home();
    my $room = "$home->{dir}/room";
    Try::write_file("$room/agents/one-agent.md", "---\nname: one-agent\ndescription: One.\n---\nYou work.\n\n### Escalate To:\n- User (always)\n");
    Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("where it works is the test")
return { agents = { ["one-agent"] = { {
  { expect = whatever, text = "I ask.", calls = { { "escalate", { to = "User", question = "Go?" } } } } } } } }
LUA
    is(Try::run(home => $home, cwd => $room, args => ['run', '--store', $home->{store}, '--model', "rehearsal:$home->{dir}/scenario.lua", 'one-agent', 'Do it.'])->{exit}, 40,
        'another waits');
    make_path("$home->{dir}/empty");
    my $ran = verb($home, 'answer', 'last', 'yes', '--workspace', "$home->{dir}/empty");
    is($ran->{exit}, 34, 'where its project is not it does not go on');
    like($ran->{err}, qr/project was \Q$room\E, and is looked for in \Q$home->{dir}\E\/empty, where the run is to go on: /, 'and why it was looked for there is said');
}

# -- the shell's folder ---------------------------------------------------------------------------------

SKIP: {
    skip 'no sandbox on this machine', 3 if Try::run(home => Try::home(), args => ['doctor'])->{exit} != 0;
    my $home = Try::home();
    my $room = "$home->{dir}/room";
    make_path($room);
    Try::write_file("$home->{config}/perigee/agents/one-agent.md", "---\nname: one-agent\ndescription: One.\ntools: [bash]\n---\nYou work.\n\n### Escalate To:\n- User (always)\n");
    Try::write_file("$home->{config}/perigee/config.yaml", "policy: { rules: [ { allow: \"*\" } ] }\n");
    Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local whatever = rehearse.anything("where the shell is is the test")
return { agents = { ["one-agent"] = { {
  { expect = whatever, calls = { { "bash", { command = "mkdir -p sub; cd sub" } } } },
  { expect = whatever, calls = { { "escalate", { to = "User", question = "Go?" } } } },
  { expect = whatever, calls = { { "bash", { command = "pwd; touch here.txt" } } } },
  { expect = whatever, text = function(given) return given.results[1].text end },
} } } }
LUA
    is(Try::run(home => $home, args => ['run', '--store', $home->{store}, '--workspace', $room, '--model', "rehearsal:$home->{dir}/scenario.lua", 'one-agent', 'Do it.'])->{exit},
        40, 'an agent waits whose shell is in a folder of the workspace');
    rename $room, "$home->{dir}/moved" or die $!;
    my $ran = verb($home, 'answer', 'last', 'yes', '--workspace', "$home->{dir}/moved");
    like($ran->{out}, qr{^\Q$home->{dir}/moved/sub\E$}m, 'moved with it, the shell is in that folder') or diag($ran->{out}, $ran->{err});
    ok(-e "$home->{dir}/moved/sub/here.txt", 'and works there');
}

done_testing();
