#!/usr/bin/perl
# Everything that strangers, models and programs say to the person's terminal: no sign of it drives the
# terminal, turns its text around or hides from the eye. Stands beside names_that_drive_a_terminal.t,
# which looks at names of agents and tools.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $TERMINAL = $Try::TERMINAL;
my $EVIL = "\e]0;own\a\e[2J\e[31m\b\x7f\xC2\x9B31m\xE2\x80\xAE\xE2\x81\xA6\xD8\x9C\xE2\x80\xA8\xE2\x80\x8B\xEF\xBB\xBF\xF3\xA0\x81\x81";
my $NAME = "n\e[31m\xE2\x80\xAE"; # of a file
my $FOUND = qr/(.{0,40}(?:[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\xC2[\x80-\x9F]|\xD8\x9C|\xE2\x80[\x8B\x8E\x8F\xA8-\xAE]|\xE2\x81[\xA6-\xA9]|\xEF\xBB\xBF|\xF3\xA0\x81).{0,40})/s;
# What the host says itself, on a terminal only: colours, bold, dim, wiping of a passing line.
my $OURS = qr/\e\[(?:[0-9;]*m|K|A)|\r(?=\e\[K)/;

# Everything that is printed: without a terminal, and on one.
sub quiet {
    my ($home, $what, @args) = @_;
    my $plain = Try::run(home => $home, args => \@args);
    my ($found) = "$plain->{out}$plain->{err}" =~ $FOUND;
    is($found, undef, "$what, in a pipe") or diag($found =~ s/\e/ESC/gr);
    my $shown = Try::run(home => $home, program => $TERMINAL, args => ['--', $Try::PROGRAM, @args])->{out};
    ($found) = $shown =~ s/$OURS//gr =~ $FOUND;
    is($found, undef, "$what, on a terminal") or diag($found =~ s/\e/ESC/gr);
}

sub home {
    my ($yaml) = @_;
    my $home = Try::home();
    $home->{work} = "$home->{dir}/work/$NAME";
    mkdir $home->{work};
    Try::write_file("$home->{config}/perigee/config.yaml", $yaml) if defined $yaml;
    chmod 0700, $home->{config}, "$home->{config}/perigee" if defined $yaml;
    return $home;
}

my $home = home();
Try::write_file("$home->{work}/.perigee/agents/$NAME.md", "---\nname: \"an-agent\"\ndescription: $EVIL\ntools: [read, $EVIL]\n$EVIL: x\nlimits: { $EVIL: 3 }\n---\n### Next Agents\n- `$EVIL`\n");
Try::write_file("$home->{work}/.perigee/tools/$NAME.lua", "return 1\n");
Try::write_file("$home->{work}/.perigee/tools/fails.lua", "error('$EVIL')\n");
Try::write_file("$home->{work}/.perigee/tools/talks.lua", 'return { description = "' . $EVIL . '", input = require "lib.schema".object {}, effect = "read", needs = { read = { "." } }, run = function(_, call) return nil, { code = "invalid", message = "' . $EVIL . '" } end }');
Try::write_file("$home->{work}/$NAME", $EVIL);
Try::write_file("$home->{work}/text", "$EVIL\n");

Try::write_file("$home->{work}/fails_test.lua", "local t = require 'lib.test'\nt.test('$EVIL', function() error('$EVIL') end)\nt.test('s', function() t.skip('$EVIL') end)\nreturn t\n");

quiet($home, 'trust of a folder with such a name', 'trust', '.');
quiet($home, 'the list of trusted folders', 'trust', '--list');
quiet($home, 'a check of definitions', 'agents', 'check');
quiet($home, 'an agent', 'agents', 'show', 'an-agent');
quiet($home, 'the list of tools', 'tools', 'list');
quiet($home, 'a tool with such a description', 'tools', 'show', 'talks');
quiet($home, 'the error of a tool', 'tools', 'call', 'talks', '{}');
quiet($home, 'the names in a folder', 'tools', 'call', 'read', '{"path":"."}');
quiet($home, 'an error about such a path', 'tools', 'call', 'read', $Try::JSON->encode({ path => "no\e[31m" }));
quiet($home, "a file's text", 'tools', 'call', 'read', '{"path":"text"}');
quiet($home, 'a model that nobody knows', 'models', 'which', "no\e[31m\xE2\x80\xAE");
quiet($home, 'words that nobody knows', 'models', 'list', "--$EVIL");
quiet($home, 'tests of the project', 'test', 'fails_test.lua');
quiet($home, 'an explanation', 'tools', 'explain', 'read', $Try::JSON->encode({ path => "no\e[31m\x{202e}\x{061c}" }));
quiet($home, 'arguments that do not fit', 'tools', 'call', 'read', $Try::JSON->encode({ "no\e[31m\x{202e}\x{061c}" => 1 }));
quiet($home, 'what the doctor says', 'doctor');
quiet($home, 'a task', 'run', '--model', 'rehearsal:demo', 'an-agent', $EVIL);
quiet($home, 'the run afterwards', 'runs', 'show', 'last');
quiet($home, 'the list of runs', 'runs', 'list');
quiet($home, 'options that nobody knows', 'run', "--$EVIL");

{ # a model
    Try::write_file("$home->{dir}/says.lua", <<"LUA");
local rehearse = require "lib.rehearse"
local any = rehearse.anything("what is shown is the test")
local evil = "@{[join '', map { sprintf '\\x%02X', $_ } unpack 'C*', $EVIL]}"
return { agents = { ["an-agent"] = { {
  { expect = any, text = "I say " .. evil, thinking = evil, calls = { { "read", { path = "text" } }, { "x" .. evil, { path = evil } } } },
  { expect = any, text = "Done" .. evil },
} } } }
LUA
    quiet($home, 'what a model says and calls', 'run', '--model', "rehearsal:$home->{dir}/says.lua", 'an-agent', 'x');
    quiet($home, 'the same from the journal', 'runs', 'show', 'last');
}

for my $case (['an unknown key', "\"$EVIL\": 1\n"], ['a value', "sandbox: { network: \"$EVIL\" }\n"], ['a word', "sandbox: { network: \"n\\e]0;x\\a\\u202e\\u061c\" }\n"],
    ['a host', "sandbox: { hosts: [\"\\e[31m\\u202e.org\"] }\n"], ['broken YAML', "a: [\"\\e[31m\xE2\x80\xAE\n"], ['a reason', "policy: { rules: [ { deny: \"*\", why: \"\xE2\x80\xAE\xD8\x9C\xE2\x80\xA8\" } ] }\n"])
{
    my ($what, $yaml) = @$case;
    my $one = home($yaml);
    quiet($one, "$what in the user's config.yaml, to the doctor", 'doctor');
    quiet($one, "$what in the user's config.yaml, to a call", 'tools', 'call', 'read', '{"path":"."}');
    $one = home();
    Try::write_file("$one->{work}/.perigee/config.yaml", $yaml);
    quiet($one, "$what in a project's config.yaml", 'doctor');
}
done_testing();
