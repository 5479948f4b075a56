#!/usr/bin/perl
# killed.t -- the program is killed after each number of events, in the middle of what comes next: all
# that was told to whoever watches stands in the journal, without gaps, and every run whose end is not
# there is said to be interrupted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();
Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
local says = { { { expect = rehearse.anything("the kill is the test"), text = "A draft." } } }
return { agents = { ["draft-agent"] = says, ["check-agent"] = says } }
LUA
Try::write_file("$home->{dir}/chain.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  run.step("first", function() return 1 end)
  run.tool("write", { path = "a.txt", content = "one\n" })
  run.all {
    function() return run.ask("draft-agent", "write") end,
    function() return run.ask("check-agent", "check") end,
  }
  run.sleep(600000)
  return "never"
end }
LUA

my ($told, $missing, $gaps, $wrong, $killed) = (0, 0, 0, 0, 0);
for my $after (1 .. 16) {
    my $store = "$home->{dir}/$after.db";
    my $live  = Try::start(home => $home, args => ['run', '--events', '--store', $store, '--project', "$FindBin::Bin/../scenarios/team",
        '--model', "rehearsal:$home->{dir}/scenario.lua", '--workspace', $home->{work}, "$home->{dir}/chain.lua"]);
    Try::until_text($live, 'out', qr/(?:[^\n]*\n){$after}/) or diag("only these came: " . Try::read_file($live->{out}));
    kill 'KILL', $live->{pid};
    my $ran = Try::finish($live);
    $killed++ if $ran->{signal} == 9;
    my $list = Try::run(home => $home, args => ['runs', 'list', '--children', '--most', '-1', '--json', '--store', $store]);
    my @runs = @{ $Try::JSON->decode($list->{out})->{runs} };
    my %kept;
    for my $run (@runs) {
        my $shown   = Try::run(home => $home, args => ['runs', 'show', $run->{run}, '--json', '--store', $store]);
        my @records = map { $Try::JSON->decode($_) } split /\n/, $shown->{out};
        for my $i (0 .. $#records) {
            $gaps++ if $records[$i]{seq} != $i + 1;
            $kept{ $run->{run} . ' ' . $records[$i]{seq} } = $records[$i]{kind};
        }
        my $ended = @records && $records[-1]{kind} eq 'run.finished';
        $wrong++ if $run->{status} ne ($ended ? 'ok' : 'interrupted');
    }
    for my $line ($ran->{out} =~ /^(\{.*\})$/mg) {
        my $event = eval { $Try::JSON->decode($line) } or next; # the last line may be cut
        next if !defined $event->{seq};
        $told++;
        $missing++ if ($kept{"$event->{run} $event->{seq}"} // '') ne $event->{kind};
    }
}
is($killed, 16, 'the program was killed each time');
cmp_ok($told, '>', 50, "$told records were told before");
is($missing, 0, 'each of them stands in the journal');
is($gaps, 0, 'no journal has a gap');
is($wrong, 0, 'a run that had not ended is interrupted, none is running');

done_testing();
