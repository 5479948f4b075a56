# Heron.pm -- a made-up provider with a framing of its own, as lua/dialects/README.md describes it.
#
# Use    my $server = Misbehave::serve(\&Heron::answer);
# It says what Probed.pm says.
package Heron;
use strict;
use warnings;
use JSON::PP;
use Misbehave;
use Probed;

my $JSON = JSON::PP->new->utf8->canonical->allow_nonref;

sub lines { return join '', map { "$_\n" } @_ }
sub head  { return Misbehave::head(200, 'content-type' => 'application/x-heron; v=1', 'connection' => 'close') }

# What Heron says to a request, line by line.
sub reply {
    my ($request) = @_;
    my ($body) = $request =~ /\r\n\r\n(.*)/s;
    my @parts = @{ $JSON->decode($body)->{said}[-1]{parts} };
    my @results = grep { exists $_->{of} } @parts;
    my ($texts, $calls, $stop) = Probed::reply(join(' ', map { $_->{text} // '' } @parts), [map { $_->{of} } @results],
        @results ? $results[0]{text} : undef);
    return ((map { 'T ' . $JSON->encode($_) } @$texts),
        (map { 'C ' . $JSON->encode({ id => $_->[0], tool => $_->[1], with => $_->[2] }) } @$calls),
        'U {"in":12,"out":5}', '. ' . $JSON->encode($stop));
}

sub answer {
    my ($client, undef, $request) = @_;
    return print { $client } Misbehave::whole(404, 'text/plain', 'no such path') if $request !~ m{^POST /talk };
    my @lines = reply($request);
    return print { $client } head(), lines(@lines) if $request !~ /Slowly/;
    print { $client } head(), lines(@lines[0 .. 2]);
    sysread $client, my $rest, 1; # until the client goes away
}

1;
