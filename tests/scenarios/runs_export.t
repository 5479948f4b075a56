#!/usr/bin/perl
# runs_export.t -- perigee runs export: one file that holds all of a run, for programs and for people,
# and in which nothing that a model or a tool wrote is more than text.
use strict;
use warnings;
use Encode ();
use Digest::SHA qw(sha256_base64 sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../support";
use MIME::Base64;
use Test::More;
use Try;

my $HOSTILE = qq{<script>alert(1)</script><img src=x onerror=alert(2)>"'&amp; \x1b[31m\xe2\x80\xae};
my $IMAGE   = encode_base64("\x89PNG not really", '');

my $home = Try::home();
Try::write_file("$home->{dir}/chain.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  run.log("a line of the <b>chain</b>")
  run.step("count", function() return { lines = 3 } end)
  run.tool("write", { path = "a.txt", content = "first line\nsecond <i>line</i>\n" })
  run.tool("read", { path = "missing.txt" })
  return run.ask("draft-agent", "Write about <u>tags</u>")
end }
LUA
Try::write_file("$home->{dir}/scenario.lua", <<'LUA');
local rehearse = require "lib.rehearse"
return { agents = { ["draft-agent"] = { { { expect = rehearse.anything("export is the test"),
  text = [=[<script>alert(1)</script><img src=x onerror=alert(2)>"'&amp;]=] .. " \27[31m\u{202E}" } } } } }
LUA
my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, '--project', "$FindBin::Bin/team",
    '--model', "rehearsal:$home->{dir}/scenario.lua", '--workspace', $home->{work}, "$home->{dir}/chain.lua"]);
is($ran->{exit}, 0, 'the run to export is there') or diag($ran->{out}, $ran->{err});

sub export { return Try::run(home => $home, args => ['runs', 'export', 'last', '--store', $home->{store}, @_]) }

# -- jsonl ------------------------------------------------------------------------------------------

my $jsonl = export('--format', 'jsonl');
is($jsonl->{exit}, 0, 'jsonl is written') or diag($jsonl->{err});
my ($head, @lines) = map { $Try::JSON->decode($_) } split /\n/, $jsonl->{out};
is($head->{kind} . $head->{format}, 'export1', 'its first line says what it is');
my @runs = map { $_->{run} } @{ $head->{runs} };
is(@runs, 2, 'the run and its child are in it');
is($head->{runs}[1]{parent}, $runs[0], 'the parent stands first');
for my $run (@runs) {
    my @have = grep { ($_->{run} // '') eq $run } @lines;
    is_deeply(\@have, [Try::journal($home, $run)], "all records of $run, as runs show has them");
}
my @texts = grep { $_->{kind} eq 'text' } @lines;
is_deeply([grep { sha256_hex(Encode::encode_utf8($_->{text})) ne $_->{hash} } @texts], [], 'every text has the hash that it stands under');
my %named = map { %{ $_->{body}{files} || {} } } grep { $_->{kind} =~ /^(files|run\.(started|resumed|parked|finished))$/ } @lines;
$named{$_->{file}} = $_->{hash} for map { $_->{body} } grep { $_->{kind} eq 'prompt' } @lines;
like((grep { $_->{path} =~ /draft-agent\.md$/ } @texts)[0]{text} // '', qr/^---\nname: draft-agent/, 'the definition of an agent that took part is one of them');
is_deeply([sort map { $_->{hash} } @texts], [sort values %{ { map { $_ => $_ } values %named } }], 'the texts are those that the records name, each once');
is(export('--format', 'jsonl')->{out}, $jsonl->{out}, 'a second export is the same to the byte');

# -- html -------------------------------------------------------------------------------------------

my $page = export()->{out};
my ($policy) = $page =~ /http-equiv="Content-Security-Policy" content="([^"]*)"/;
like($policy, qr/^default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'sha256-[^']+'$/, 'the page may load nothing and run nothing');
my ($style) = $page =~ m{<style>(.*?)</style>}s;
my $hash = sha256_base64($style) . '=';
like($policy, qr/\Q$hash\E/, "the style is the one that the policy names: otherwise put $hash into lua/lib/export_html.lua");
is(() = $page =~ /<(?:script|iframe|object|embed|link|base|form)\b/gi, 0, 'no element that could load or run anything');
is(() = $page =~ /<[^>]*\son\w+\s*=/gi, 0, 'no handler');
is(() = $page =~ /(?:src|href)="(?!#run-|data:image\/)/gi, 0, 'links lead into the page only');
unlike($page, qr/\x1b|\xe2\x80\xae/, 'nothing that drives a terminal or turns the direction of text');
like($page, qr/&lt;script&gt;alert\(1\)&lt;\/script&gt;/, 'what the model wrote stands there as text');
like($page, qr/second &lt;i&gt;line&lt;\/i&gt;/, 'what was written into a file too');
like($page, qr/<a href="#run-\Q$runs[1]\E">/, 'the child is linked') && like($page, qr/id="run-\Q$runs[1]\E"/, 'and stands in the page');
like($page, qr/class="step result failed"/, 'a result that is an error stands out');

# -- the file ---------------------------------------------------------------------------------------

my $file = "$home->{dir}/out.html";
is(export('--output', $file)->{exit}, 0, 'it can be written to a file');
is(Try::read_file($file), $page, 'which holds the same');
is((stat $file)[2] & 0777, 0600, 'and is its owner\'s alone');
my $refused = export('--output', $home->{work});
is($refused->{exit}, 35, 'a folder is refused') && like($refused->{err}, qr/no regular file/, 'and says so');
my $nowhere = export('--output', "$home->{dir}/none/out.html");
is($nowhere->{exit}, 38, 'a place that is not there is refused');
is(export('--format', 'pdf')->{exit}, 2, 'another format is refused');
is_deeply([glob "$home->{dir}/out.html.*"], [], 'no litter stays beside the file');
SKIP: {
    skip '/dev/full is not there', 1 if !-e '/dev/full';
    open my $full, '>', '/dev/full' or die $!;
    isnt(Try::run(home => $home, stdout => $full, args => ['runs', 'export', 'last', '--store', $home->{store}])->{exit}, 0, 'a full disk behind stdout is told');
}

# -- records that are not as they should be ---------------------------------------------------------

SKIP: {
    skip 'sqlite3 is not installed', 1 if system('command -v sqlite3 >/dev/null') != 0;
    my $body = $Try::JSON->encode({ name => 5, text => 7, images => [{ media_type => 'image/svg+xml', data => 'PHN2Zz4=' }, { media_type => 'image/png', data => $IMAGE }, { media_type => 'image/png', data => '"><script>' }] });
    for my $record ([91, 'turn', '{"content":7,"agent":[]}'], [92, 'result', $body], [93, 'newer<kind>', '{"a":"<b>"}'], [94, 'call', '[]']) {
        my ($seq, $kind, $text) = @$record;
        system 'sqlite3', $home->{store}, "INSERT INTO records VALUES(1,'$runs[1]',$seq,0,'$kind','$text')";
    }
    my $odd = export();
    is($odd->{exit}, 0, 'odd records do not end an export') or diag($odd->{err});
    is(() = $odd->{out} =~ /<(?:script|b|svg)\b/gi, 0, 'and are text');
    is(() = $odd->{out} =~ /src="data:image\/png;base64,\Q$IMAGE\E"/g, 1, 'of images only those that are one are shown');
    like($odd->{out}, qr/newer&lt;kind&gt;/, 'a kind that is not known is shown as it stands');
}

done_testing();
