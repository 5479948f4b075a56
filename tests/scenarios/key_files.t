#!/usr/bin/perl
# key_files.t -- a key from a file: it reaches its server and nothing else, and a file that others may
# use is no key.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Misbehave;
use Try;

my $KEY = 'sk-in-a-file-0123456789';

my $server = Misbehave::serve(sub { print { $_[0] } Misbehave::reply('Done.') });
my $home = Try::home();
my $file = "$home->{dir}/key";
Try::write_file("$home->{config}/perigee/lua/models.lua", <<"END");
return { add = {
  providers = { here = { dialect = "anthropic", base_url = "$server->{url}", secret = "FILED_KEY", legacy = "never" } },
  models = { keyed = { provider = "here" } },
} }
END
Try::write_file($file, "$KEY\n");
chmod 0600, $file;

my $ran = asked('--record', "$home->{dir}/a.rec");
is($ran->{exit}, 0, 'a key in a file is as good as one in the environment') or diag($ran->{err});
my @requests = Misbehave::requests($server);
like($requests[0], qr/^authorization: Bearer \Q$KEY\E\r$/mi, 'the server gets it');
unlike(Try::read_file($_), qr/\Q$KEY\E/, 'it does not stand in ' . s{.*/}{}r) for glob("$home->{store}*"), "$home->{dir}/a.rec";
unlike($ran->{out} . $ran->{err}, qr/\Q$KEY\E/, 'nor in what is printed');
like(models(), qr/^here .*FILED_KEY is set$/m, 'models list knows it');

chmod 0644, $file;
$ran = asked();
is($ran->{exit}, 33, 'a file that others may read is refused') or diag($ran->{err});
like($ran->{err}, qr/needs a key: key file \S+: its mode is 0644, so others may use it; chmod 600 it/, 'with what to do');
unlike($ran->{err}, qr/\Q$KEY\E/, 'and without the key');
is(scalar(Misbehave::requests($server)), 1, 'nothing was asked');
like(models(), qr/FILED_KEY is refused: key file/, 'models list says so');
like(asked(undef, {})->{err}, qr/set FILED_KEY, or FILED_KEY_FILE to the path of a file with mode 0600/, 'without a key both ways are named');
Misbehave::stop($server);
done_testing();

sub asked {
    my @more = grep { defined && !ref } @_;
    Try::write_file("$home->{work}/agents/lone-agent.md", "---\nname: lone-agent\ndescription: works\ntools: []\nmodel: keyed\n---\nWork.\n");
    return Try::run(home => $home, env => ref $_[-1] ? {} : { FILED_KEY_FILE => $file },
        args => ['run', '--workspace', $home->{work}, '--store', $home->{store}, '--project', $home->{work}, @more, 'lone-agent', 'Go.']);
}

sub models { return Try::run(home => $home, env => { FILED_KEY_FILE => $file }, args => ['models', 'list'])->{out} }
