# Heron.pm -- a made-up provider with a framing of its own, as lua/dialects/README.md describes it.
#
# Use    my $server = Misbehave::serve(sub { Heron::answer(@_) });
# It answers what `perigee models check` asks; anything else gets what the text asks for:
#   "read FILE" -> a call of read, then what came;  "fetch URL" -> a call of web_fetch, then "Done."
package Heron;
use strict;
use warnings;
use JSON::PP;
use Misbehave;

my $JSON = JSON::PP->new->utf8->canonical->allow_nonref;

sub lines { return join '', map { "$_\n" } @_ }
sub text  { return map { 'T ' . $JSON->encode($_) } @_ }
sub call  { my ($id, $tool, %with) = @_; return 'C ' . $JSON->encode({ id => $id, tool => $tool, with => \%with }) }
sub done  { return ('U {"in":12,"out":5}', '. ' . $JSON->encode($_[0] // 'end')) }
sub head  { return Misbehave::head(200, 'content-type' => 'application/x-heron; v=1', 'connection' => 'close') }

# What Heron says to a request.
sub reply {
    my ($request) = @_;
    my ($body) = $request =~ /\r\n\r\n(.*)/s;
    my $asked = $JSON->decode($body);
    my @parts = @{ $asked->{said}[-1]{parts} };
    return (text("Heard: $parts[0]{text}"), done()) if exists $parts[0]{of} && $parts[0]{of} eq 'r1';
    return (text('It is 5.'), done()) if exists $parts[0]{of} && $parts[0]{of} eq 'a1';
    return (text('Done.'), done()) if exists $parts[0]{of};
    my $said = join ' ', map { $_->{text} // '' } @parts;
    return (text($1), done()) if $said =~ /one word: (\w+)/;
    return (call('a1', 'add', a => 2, b => 3), done('calls')) if $said =~ /Call add with/;
    return (call('a1', 'add', a => 1, b => 2), call('a2', 'add', a => 3, b => 4), done('calls')) if $said =~ /Call add twice/;
    return (text(map { "$_\n" } 1 .. $1), done()) if $said =~ /Count from 1 to (\d+)/;
    return (text('Let me see. '), call('r1', 'read', path => $1), done('calls')) if $said =~ /read (\S+)/;
    return (call('w1', 'web_fetch', url => $1), done('calls')) if $said =~ /fetch (\S+)/;
    return (text('Go ', "\x{1F680} ", 'now.'), done());
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
