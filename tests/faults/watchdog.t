#!/usr/bin/perl
# watchdog.t -- a run that should be cancelled by its deadline and is not, since its cancellation is made to
# do nothing: after the time of grace it is reported on stderr, in the journal and as an event.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

plan skip_all => 'a release build holds no faults' if ($ENV{MODE} // 'release') eq 'release';

my $home = Try::home();
Try::write_file("$home->{dir}/lasts.lua", 'return { run = function(run) run.sleep(12000) return "slept" end }');
my $live = Try::start(home => $home, env => { PERIGEE_FAULT => 'run.cancel:1' },
    args => ['run', '--events', '--store', $home->{store}, '--limit', 'time=100ms', "$home->{dir}/lasts.lua", '']);
ok(Try::until_text($live, 'out', qr/"kind":"watchdog"/), 'a run that outlives its deadline is told to those who watch');

my $ran = Try::finish($live);
like($ran->{err}, qr/did not end within 10 s of its deadline; this is a bug in perigee/, 'it is told on stderr');
my ($record) = grep { $_->{kind} eq 'watchdog' } Try::journal($home);
is($record->{body}{after_ms}, 10000, 'and it stands in the journal');
my ($event) = grep { $_->{kind} eq 'watchdog' } map { $Try::JSON->decode($_) } split /\n/, $ran->{out};
is($event->{seq}, $record->{seq}, 'under the same number');
done_testing();
