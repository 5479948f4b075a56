#!/usr/bin/perl
# Names, descriptions and paths of a hostile project reach the screen without control characters.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();
my $work = $home->{work};
Try::write_file("$work/agents/a.md", <<'MD');
---
name: "\e]0;owned\a\e[31mred-agent"
description: "\e[2J \u009b31m \u009d0;own\u009c \u202Eesrever"
model: "m\e[5m"
tools: ["nope\e[31m"]
---
## Next
- `foo-agent`
MD
Try::write_file("$work/agents/b\e[31m.md", "---\nname: b-agent\ntools: [\e]0;x\a]\n---\n");
Try::write_file("$work/agents/l\e[31m.lua", "return {}\n");
Try::write_file("$work/agents/\e[32m-reviewer.md", "no front matter\n");
Try::write_file("$home->{config}/perigee/tools/t\e[31m.lua", "return {}\n");

for my $args (['agents', 'list'], ['agents', 'check'], ['agents', 'show', 'red-agent'], ['agents', 'show', 'b-agent'],
    ['agents', 'show', "\e[31m"], ['tools', 'list'], ['tools', 'show', "\e[31m"], ['run', 'red-agent', "task \e[31m"],
    ['run', '--model', "rehearsal:\e[31m", 'b-agent', 'task'], ['runs', 'list'], ['runs', 'show', 'last'],
    ['route', "\e[31m"], ["\e[31m"], ['run', "--\e[31m"])
{
    my $ran = Try::run(home => $home, args => $args);
    my $said = "$ran->{out}$ran->{err}";
    my ($found) = $said =~ /(.{0,30}(?:[\x00-\x08\x0b-\x1f\x7f]|\xC2[\x80-\x9F]|\xE2\x80[\x8E\x8F\xAA-\xAE]).{0,30})/;
    my $shown = join(' ', map { s/\e/ESC/gr } @$args);
    is($found, undef, "perigee $shown prints nothing that drives a terminal");
}
done_testing();
