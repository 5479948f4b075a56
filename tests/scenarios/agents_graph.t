#!/usr/bin/perl
# agents_graph.t -- perigee agents graph and agents check, as people and programs use them: definitions
# on disk, read by the real reader; formats, levels, exit codes, and names that would like to be code.
use strict;
use warnings;
use Digest::SHA qw(sha256_base64);
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

my $home = Try::home();

sub folder {
    my ($name, %files) = @_;
    Try::write_file("$home->{dir}/$name/$_", $files{$_}) for keys %files;
    return "$home->{dir}/$name";
}

sub definition {
    my ($name, $front, $body) = @_;
    return "---\nname: $name\ndescription: Does $name.\ntools: []\n$front---\n$body";
}

sub agents { return Try::run(home => $home, args => ['agents', @_]) }

sub graph { return $Try::JSON->decode(agents('graph', @_)->{out}) }

sub brief { return [map { "$_->{from} $_->{kind} $_->{target} > " . ($_->{to} // 'null') . " $_->{resolved}:$_->{line}" } @{ $_[0]{edges} }] }

# -- real files: what stands around the lists, and how they are written --------------------------------

my $LISTS = <<'MD';

## 🔗 Agent Relationships

![before](a.png)

### 🚀 Next Agents (Auto-chain to):

- `002-b-checker-guardian` (for a look (or two)).
- **3-c-shipper-guardian**: To ship.
- Development Teams (for repairs)
- This one asks around, which takes time.

<svg width="1"><text>### Next Agents:</text></svg>

- 009-gone-away-guardian (who left)
You build things that last.

### Escalate To:
- User for money (e.g. licences)

```mermaid
flowchart TD
    A[Task / wish] --> B{001-a-maker-guardian}
    B --> C[Think] & D[Look]
    C & D --> F{Good & done?}
    F -->|No/again?| B
    F -->|Yes| G{Where?}
    G -->|Shop| H[👉 003-c-shipper-guardian]
```
MD

my $team = folder('team',
    'a.md' => '<svg width="10"><g/></svg>' . "\n\n" . definition('001-a-maker-guardian', '', $LISTS),
    'sub/b.md' => "\xef\xbb\xbf" . definition('002-b-checker-guardian', '', $LISTS =~ s/001-a-maker/002-b-checker/r =~ s/\n/\r\n/gr),
    'c.md' => definition('003-c-shipper-guardian', '', "## Agent Relationships\n### Input Sources\n- **User**: wishes\n"),
);
my $read = graph($team);
is_deeply([grep { /^001/ } @{ brief($read) }], [
    '001-a-maker-guardian next 002-b-checker-guardian > 002-b-checker-guardian exact:15',
    '001-a-maker-guardian next 3-c-shipper-guardian > 003-c-shipper-guardian exact:16',
    '001-a-maker-guardian next Development Teams > null group:17',
    '001-a-maker-guardian next 009-gone-away-guardian > null none:22',
    '001-a-maker-guardian escalate User > User user:26',
    '001-a-maker-guardian diagram 003-c-shipper-guardian > 003-c-shipper-guardian exact:35',
], 'pictures, brackets, bold, backticks, zeros, prose and a route of several nodes are read as they are meant');
my ($shop) = grep { $_->{kind} eq 'diagram' } @{ $read->{edges} };
is($shop->{text}, 'Yes / Shop', 'a route keeps its labels');
is(join(' ', map { /^002.*:(\d+)$/ } @{ brief($read) }), '13 14 15 20 24 33', 'Windows line ends and a byte order mark change neither edges nor lines') or diag(join "\n", @{ brief($read) });
is_deeply([sort keys %{ $read->{edges}[0] }], [qw(file from kind line order resolved target text to)], 'an edge has all its keys');
is_deeply([map { $_->{name} } @{ $read->{agents} }], [qw(001-a-maker-guardian 002-b-checker-guardian 003-c-shipper-guardian)], 'and agents stand beside them');

# -- families of other authors ----------------------------------------------------------------------------

my $others = folder('others',
    'code-reviewer.md' => "---\nname: code-reviewer\ndescription: Reviews. Use PROACTIVELY.\ntools: Read, Grep\nmodel: sonnet\n---\nYou are a reviewer.\n\n"
        . "When invoked:\n1. **Look** - at the diff\n2. Ask debugger\n\n## Integration with other agents\n- Support debugger with findings\n",
    'debugger.md' => "---\nname: debugger\ndescription: 'Finds causes. <example>user: \"next agents\"</example>'\ncolor: red\n---\n\n## Output To\n- stdout-stream (text)\n\n"
        . "## Workflow\n```mermaid\nsequenceDiagram\n  User->>user-agent: x\n```\n```mermaid\ngraph LR\n  a[user-agent] --> b[build-agent]\n```\n",
    'chat.md' => "---\nname: plan\ndescription: Plans\ntools: ['codebase', 'fetch']\n---\n# Planning mode\n## Relationships between entities\n- orders-table: has lines\n### Trigger phrases\n- \"plan it\"\n",
);
is_deeply(graph($others)->{edges}, [], 'definitions of other families get no edges');

# -- check: levels, exit codes, shape ----------------------------------------------------------------------

sub rules { my %seen; $seen{"$_->{level} $_->{rule}"}++ for @{ $_[0]{diagnostics} }; return [sort keys %seen] }

my $check = agents('check', $team, '--json');
my $said  = $Try::JSON->decode($check->{out});
is($check->{exit}, 0, 'warnings alone answer 0');
is_deeply([sort keys %$said], [qw(agents diagnostics)], 'check --json has agents and diagnostics');
is_deeply([sort keys %{ $said->{diagnostics}[0] }], [qw(column file level line message rule)], 'each diagnostic has its six keys');
is_deeply(rules($said), ['warning dangling', 'warning front-matter', 'warning one-sided'], 'the rules that hold here are told') or diag($check->{out});
my ($gone) = grep { $_->{rule} eq 'dangling' } @{ $said->{diagnostics} };
is("$gone->{line}:$gone->{column}", '22:3', 'with line and column of the name');
is(agents('check', $team, '--strict')->{exit}, 1, '--strict: a warning fails');
is(agents('check', $team, '--rule', 'dangling=deny')->{exit}, 1, '--rule NAME=deny: an error');
my $ring = folder('ring', map { +"$_->[0].md" => definition("$_->[0]-agent", '', "## Agent Relationships\n### Next Agents:\n- $_->[1]-agent (x)\n- gone-agent (x)\n") } ['a', 'b'], ['b', 'a']);
is_deeply(rules($Try::JSON->decode(agents('check', $ring, '--json')->{out})), ['warning circle', 'warning dangling', 'warning unreachable'], 'two who hand to each other only are a circle to which no work comes');
my $quiet = agents('check', $ring, '--strict', '--rule', 'dangling=allow,circle=allow', '--rule', 'unreachable=allow');
is($quiet->{exit}, 0, '--rule NAME=allow: not told') or diag($quiet->{out});
is($quiet->{out}, '', 'nor printed');
for my $case (['dangling=never', 'allow, warn or deny'], ['danglin=allow', 'dangling'], ['dangling', 'key=value']) {
    my $ran = agents('check', $team, '--rule', $case->[0]);
    ok($ran->{exit} == 2 && $ran->{err} =~ /$case->[1]/, "--rule $case->[0] is refused and says what is right") or diag("  $ran->{exit} $ran->{err}");
}
for my $case (['list', '--strict'], ['check', '--format', 'dot'], ['graph', '--rule', 'dangling=allow'], ['graph', '--json', '--format', 'dot'], ['graph', '--format', 'png']) {
    is(agents(@$case)->{exit}, 2, "agents @$case is refused");
}
is(agents('graph', "$home->{dir}/nowhere")->{exit}, 34, 'a folder that is not there');

my $own = folder('own',
    'a.md' => definition('a-agent', "check: { dangling: allow, nonsense: deny }\n", "## Agent Relationships\n### Next Agents:\n- x-agent (x)\n"),
    'b.md' => definition('b-agent', '', "## Agent Relationships\n### Next Agents:\n- y-agent (x)\n"),
);
my $levels = $Try::JSON->decode(agents('check', $own, '--json')->{out});
is_deeply([map { "$1 $_->{rule}" if $_->{file} =~ m{([^/]+)$} } @{ $levels->{diagnostics} }], ['a.md check', 'b.md dangling'], 'a definition sets levels for its own file, and a rule that is none is told');
my $twice = folder('twice', map { +"$_.md" => definition('same-agent', "check: { duplicate-name: allow }\n", 'x') } qw(a b));
my $same = agents('check', $twice);
is($same->{exit}, 1, 'one name twice in one folder is an error');
like($same->{out}, qr{b\.md:2:7: error: same-agent is defined in \S*a\.md too.*give one of them another name.*\[duplicate-name\]}, 'which names both files');

# -- names that would like to be code ---------------------------------------------------------------------

my $evil = "</script><script>top.owned=1</script><img src=x onerror=top.owned=1>'\"--><!--]]>";
my $bad = folder('bad',
    'a.md' => "---\nname: |-\n  $evil\ndescription: |-\n  $evil\n---\n## Agent Relationships\n### Next Agents:\n- b-agent ($evil)\n- **$evil**: $evil\n",
    'b.md' => definition('b-agent', '', "x\n"));
my $page = agents('graph', $bad, '--format', 'html')->{out};
my ($data) = $page =~ m{<script type="application/json" id="data">(.*?)</script>}s;
is($Try::JSON->decode($data)->{agents}[0]{name}, $evil, 'the page keeps a hostile name whole');
unlike($data, qr/[<>&]/, 'as data without markup');
is(() = $page =~ /owned/, () = $data =~ /owned/, 'and nowhere else') ;
my ($policy) = $page =~ /Content-Security-Policy" content="([^"]*)"/;
like($policy, qr/^default-src 'none'; /, 'the page may load nothing');
unlike($policy, qr/unsafe/, 'and nothing unsafe');
my ($script, $style) = ($page =~ m{<script>(.*?)</script>}s, $page =~ m{<style>(.*?)</style>}s);
for my $part ([script => $script], [style => $style]) {
    my $hash = sha256_base64($part->[1]) . '=';
    like($policy, qr/\Q$part->[0]-src 'sha256-$hash'/, "the $part->[0] is the one that the policy names: otherwise put $hash into lua/lib/graph_html.lua");
}
unlike($script, qr/innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|fetch\(|XMLHttp/, 'the script makes no markup of text and asks no network');

done_testing();
