#!/usr/bin/perl
# tools.t -- files of tools that are broken in every way: each is reported with its file and where it
# can be with its line, and whatever is not broken still works.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $HEAD = "local schema = require \"lib.schema\"\n";
my $REST = 'description = "A tool.", input = schema.object {}, effect = "read", needs = { read = { "workspace" } }';

# name of the file, its text, what must be said of it
my @BROKEN = (
    ['syntax',     "return {\n  description = \n}\n", 'syntax\.lua:3'],
    ['raises',     "${HEAD}\nerror('no luck')\n", 'raises\.lua:3: no luck'],
    ['loops',      "while true do end\n", 'loops\.lua.*(endless|kept everything waiting)'],
    ['eats',       "local t, much = {}, ('x'):rep(1 << 20)\nfor i = 1, math.huge do t[i] = much .. i end\n", 'eats\.lua.*memory'],
    ['nothing',    "local x = 1\n", 'nothing\.lua.*(nothing|table)'],
    ['number',     "return 7\n", 'number\.lua.*(number|table)'],
    ['misspelt',   "${HEAD}return { $REST, runn = function() end }\n", 'misspelt\.lua.*runn.*run'],
    ['norun',      "${HEAD}return { $REST }\n", 'norun\.lua.*run'],
    ['noeffect',   "${HEAD}return { description = \"A.\", input = schema.object {}, run = function() end }\n", 'noeffect\.lua.*effect'],
    ['badschema',  "return { description = \"A.\", input = { type = \"objekt\" }, effect = \"read\", run = function() end }\n", 'badschema\.lua.*input'],
    ['greedy',     "${HEAD}return { description = \"A.\", input = schema.object {}, effect = \"read\", needs = { everything = true }, run = function() end }\n", 'greedy\.lua.*everything'],
    ['handoff',    "${HEAD}return { $REST, run = function() end }\n", 'handoff\.lua.*turn loop'],
    ['waits',      "local prim = require 'lib.missing'\nreturn {}\n", 'waits\.lua:1.*lib\.missing'],
    ['bytecode',   "\x1bLua\x54\x00", 'bytecode\.lua'],
    ['world',      "os.execute('true')\nreturn {}\n", 'world\.lua:1'],
    ['bad name',   "return {}\n", 'bad name'],
    ['toobig',     '--' . ('x' x 3_000_000) . "\n", 'toobig\.lua.*larger'],
);

{
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/tools/$_->[0].lua", $_->[1]) for @BROKEN;
    Try::write_file("$home->{config}/perigee/tools/fine.lua", "${HEAD}return { $REST, run = function() return 'fine' end }\n");
    mkdir "$home->{config}/perigee/tools/folder.lua";
    symlink "$home->{dir}/nowhere", "$home->{config}/perigee/tools/dangling.lua";
    system 'mkfifo', "$home->{config}/perigee/tools/fifo.lua";
    my $ran = Try::run(home => $home, args => ['tools', 'list']);
    is($ran->{exit}, 1, 'tools list answers 1 where files are broken');
    for my $case (@BROKEN) {
        my ($name, undef, $pattern) = @$case;
        my @lines = grep { /\Q$name\E/ } split /\n/, $ran->{err};
        ok(scalar(grep { /$pattern/ } @lines), "a tool file is reported: $name") or diag(map { "  $_\n" } @lines, "  of: $ran->{err}");
    }
    for my $name (qw(fifo dangling)) {
        like($ran->{err}, qr/\b$name\.lua/, "a tool that is no file is reported: $name");
    }
    like($ran->{out}, qr/^fine /m, 'a good tool beside them is listed');
    like($ran->{out}, qr/^read /m, 'the tools of the distribution are listed');
    unlike($ran->{out}, qr/^(syntax|raises|loops|handoff) /m, 'a broken one is not');
    my $call = Try::run(home => $home, args => ['tools', 'call', 'fine', '{}']);
    is("$call->{exit} $call->{out}", "0 fine\n", 'a good tool beside them works');
    my $none = Try::run(home => $home, args => ['tools', 'call', 'syntax', '{}']);
    is($none->{exit}, 34, 'a broken one is not there');
    my $override = Try::run(home => $home, args => ['tools', 'show', 'fin']);
    like($override->{err}, qr/fine/, 'the nearest name is offered');
}

# What a tool may do wrong when it is called: exit code of tools call, and what must be said.
my @CALLED = (
    ['cycle',   'local t = {}; t.self = t; return { text = "x", data = t }', 39, 'cycle.*data\.self|data\.self.*cycle'],
    ['fun',     'return { text = "x", data = { f = function() end } }', 39, 'data\.f'],
    ['raise',   'error("boom")', 39, 'raise\.lua:4: boom'],
    ['odd',     'return 7', 39, 'number'],
    ['empty',   'return', 35, 'nothing'],
    ['unknown', 'return { text = "x", dat = {} }', 39, 'dat'],
    ['forever', 'while true do end', 31, 'no result within'],
    ['memory',  'local t, much = {}, ("x"):rep(1 << 20); for i = 1, math.huge do t[i] = much .. i end', 32, 'memory'],
    ['string',  'return ("x"):rep(1 << 40)', 32, 'memory|large|size'],
    ['pattern', 'return tostring(("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40) .. "b"))', undef, 'no result within|pattern|steps|instructions'],
    ['deep',    'local function f(n) return f(n + 1) + 1 end; return tostring(f(1))', 39, 'overflow|memory'],
    ['catches', 'while true do pcall(function() while true do end end) end', 31, 'no result within'],
    ['outside', 'local s, e = call.read("../secret"); if s then return s end; return nil, e', 33, 'outside|secret'],
    ['ungranted', 'return call.write("x", "y") and "wrote"', 39, 'needs = \{ write'],
    ['library', 'string.format = nil; return "x"', 39, 'read-only|readonly|cannot'],
    ['errors',  'return nil, { code = "not_found", message = "no such thing" }', 34, 'no such thing'],
    ['own',     'return nil, { code = "my_own", message = "odd thing" }', 1, 'odd thing'],
    ['noterr',  'return nil, "just text"', undef, 'just text'],
);
for my $case (@CALLED) {
    my ($name, $body, $exit, $pattern) = @$case;
    my $home = Try::home();
    Try::write_file("$home->{dir}/secret", 'hidden');
    Try::write_file("$home->{config}/perigee/tools/$name.lua", <<LUA);
${HEAD}return { $REST, timeout = "1s",
  run = function(input, call)
    $body
  end }
LUA
    my $ran = Try::run(home => $home, args => ['tools', 'call', $name, '{}']);
    my @wrong;
    push @wrong, 'it hung' if $ran->{hung};
    push @wrong, "exit code $ran->{exit}, not $exit" if defined $exit ? $ran->{exit} != $exit : !$ran->{exit};
    push @wrong, "it does not say $pattern" if $ran->{err} !~ /$pattern/;
    push @wrong, 'it is a bug' if $ran->{exit} == 70;
    push @wrong, "still running: $_" for Try::until_quiet($home);
    ok(!@wrong, "a tool that fails when called: $name") or diag(map({ "  $_\n" } @wrong), "  stdout: $ran->{out}", "  stderr: $ran->{err}");
}

{
    my $home = Try::home();
    Try::write_file("$home->{config}/perigee/tools/read.lua", "${HEAD}return { $REST, run = function() return 'mine' end }\n");
    is(Try::run(home => $home, args => ['tools', 'call', 'read', '{}'])->{out}, "mine\n", "a user's tool stands before the distribution's");
}

for my $case (['{"path"', 'half a JSON'], ['[]', 'a list'], ['7', 'a number'], ['{}', 'nothing'], ['{"path":7}', 'a wrong type'],
    ['{"path":"a","x":1}', 'an unknown key'], ["{\"path\":\"\\ud800\"}", 'half a surrogate'], ['[' x 100000, 'a hundred thousand brackets']) {
    my ($input, $what) = @$case;
    my $ran = Try::run(home => Try::home(), args => ['tools', 'call', 'read', $input]);
    ok($ran->{exit} == 35 && $ran->{err} ne '', "arguments that are $what are refused") or diag("  $ran->{exit} $ran->{out} $ran->{err}");
}

# Who holds a file and does not let go: others wait for it no longer than their own time, and when its
# call is cancelled the file is free.
SKIP: {
    my $home = Try::home();
    skip 'no sandbox on this machine', 1 if Try::run(home => $home, args => ['doctor'])->{exit} != 0;
    for my $tool (['holder', '60s', 'return call.exec { "sleep", "60" } and "slept"'], ['waiter', '1s', 'return "has it"']) {
        my ($name, $timeout, $then) = @$tool;
        Try::write_file("$home->{config}/perigee/tools/$name.lua", <<LUA);
local schema = require "lib.schema"
return { description = "Holds.", input = schema.object { { "path", schema.path(), "" } }, effect = "write",
  needs = { exec = { "sleep" }, read = { "." }, write = { "." } }, timeout = "$timeout",
  run = function(input, call)
    local held, err = call.hold(input.path)
    if not held then return nil, err end
    $then
  end }
LUA
    }
    Try::write_file("$home->{dir}/chain.lua", <<'LUA');
return { run = function(run)
  local free = run.tool("waiter", { path = "other.txt" })
  local _, err = run.all {
    function() return run.tool("holder", { path = "a.txt" }) end,
    function() return run.tool("waiter", { path = "./a.txt" }) end,
  }
  return { free = free, failed = err.message, after = run.tool("waiter", { path = "a.txt" }) }
end }
LUA
    my $ran = Try::run(home => $home, args => ['run', "$home->{dir}/chain.lua", '', '--json', '--store', $home->{store}]);
    my $result = eval { $Try::JSON->decode($ran->{out}) } || {};
    my $why = Try::differs({ free => 'has it', failed => '~no result within 1', after => 'has it' }, $result->{value}, 'value');
    ok(!$why, 'a held file is waited for no longer than the call may take, and is free once its call is cancelled')
        or diag("  $why", "  $ran->{out}", "  $ran->{err}");
}

done_testing();
