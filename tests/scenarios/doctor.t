#!/usr/bin/perl
# doctor.t -- what `perigee doctor` says of the reader of web pages: whether it works, found by doing it,
# and what to do where it does not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();
my $doctor = Try::run(home => $home, args => ['doctor']);
like($doctor->{out}, qr/^web pages: are read in a cell of their own$/m, 'a reader that works is said to') or diag($doctor->{err});
my $said = $Try::JSON->decode(Try::run(home => $home, args => ['doctor', '--json'])->{out});
is_deeply($said->{pages}, { read => JSON::PP::true }, 'to programs too');
is_deeply($said->{settings}{context}, { full => 80, left => 50 }, 'beside the settings');

# A copy of the program whose reader is missing, or another program.
my $copy = Try::program_with($home, Try::read_file("$FindBin::Bin/../../lua/cli/tools.lua"));
my $reader = $copy =~ s/perigee$/perigee-page/r;
sub with_reader {
    my ($script) = @_;
    unlink $reader;
    Try::write_file($reader, $script) if $script;
    chmod 0755, $reader;
    my $ran = Try::run(home => $home, program => $copy, args => ['doctor']);
    isnt($ran->{exit}, 0, 'a reader that cannot work is a fault');
    return $ran->{out};
}
like(with_reader(), qr/^web pages: cannot be read: .*cannot start its reader perigee-page .*No such file.*`make` builds it/m, 'one that is not there');
like(with_reader("#!/bin/sh\nexit 127\n"), qr/^web pages: cannot be read: .*a library that it needs is missing; `ldd`/m, 'one that cannot be loaded');
like(with_reader("#!/bin/sh\nexit 36\n"), qr/^web pages: cannot be read: /m, 'one that could not shut itself in');
like(with_reader("#!/bin/sh\nprintf 'whole\\n\\nsomething'\n"), qr/^web pages: cannot be read: .*made "something" of a page/m, 'one that reads something else');
like($doctor->{out}, qr/settings in force/, 'the settings follow');
done_testing();
