#!/usr/bin/perl
# runs_answer.t -- what a person says to a run from outside: who waits for what, answers, approvals and
# cancellations that outlive everything and reach whoever carries the run; runs once more from a record on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../support";
use Test::More;
use Try;

plan skip_all => 'sqlite3 is not installed' if system('command -v sqlite3 >/dev/null') != 0;

my $home = Try::home();

sub sql {
    my ($text) = @_;
    open my $pipe, '-|', 'sqlite3', $home->{store}, $text or die "sqlite3: $!";
    local $/;
    return scalar(<$pipe>) // '';
}

sub runs { return Try::run(home => $home, args => ['runs', @_, '--store', $home->{store}]) }
sub json { my $ran = runs(@_, '--json'); return eval { $Try::JSON->decode($ran->{out}) } || diag("$ran->{out}$ran->{err}") && {} }

# A run that ended, as one that waits with these records in place of its end.
sub waits {
    my (@records) = @_;
    my $run = $Try::JSON->decode(Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, "$home->{dir}/idle.lua", 'Wait.'])->{out})->{run};
    sql("DELETE FROM records WHERE run = '$run' AND seq > 1; UPDATE runs SET status = 'waiting', ended = 0 WHERE run = '$run'");
    put($run, @records);
    return $run;
}

# Appends records to a run that nobody carries: kind, body, kind, body ...
sub put {
    my ($run, @records) = @_;
    while (my ($kind, $body) = splice @records, 0, 2) {
        my $text = $Try::JSON->encode($body);
        $text =~ s/'/''/g;
        sql("INSERT INTO records(format, run, seq, time, kind, body) SELECT 1, '$run', 1 + coalesce(max(seq), 0), CAST(strftime('%s') AS INTEGER) * 1000, '$kind', '$text' FROM records WHERE run = '$run'");
    }
}

sub child_of {
    my ($parent, $name) = @_;
    sql("INSERT INTO runs SELECT '$name', '$parent', 'helper', 'help', 'waiting', started, 0 FROM runs WHERE run = '$parent'");
    put($parent, child => { run => $name, agent => 'helper', at => "c/$name" });
    put($name, 'run.started' => { agent => 'helper', parent => $parent });
    return $name;
}

sub question { return (question => { agent => 'writer', to => 'User', text => 'Which port?', call => 'c1', @_ }) }
sub approval { return (approval => { agent => 'writer', tool => 'bash', title => 'writer wants to call bash', lines => ['command: make'], facts => ['reach: outside'], call => 'c2', choices => ['once', 'no'], @_ }) }

# What was left for a run, without the times when it was said, which are counted.
my $timed = 0;
sub inbox {
    my $all = join '', sql("SELECT body FROM inbox WHERE run = '$_[0]' ORDER BY number");
    $timed += ($all =~ s/"time":\d{13},//g);
    return $all;
}

Try::write_file("$home->{dir}/idle.lua", 'local schema = require "lib.schema" return { params = schema.object { { "task", schema.text {}, "x" } }, run = function() return "done" end }');
my $HOUR = 3600000;
my $now  = time * 1000;

# -- who waits for what -----------------------------------------------------------------------------

my $one = waits(question(choices => ['80', '443'], default => '80', until => $now + $HOUR));
my $list = runs('list', '--waiting')->{out};
like($list, qr/^\Q$one\E .* waiting /m, 'a run that waits is listed');
like($list, qr/^  \Q$one\E:2, question, since .*, for \d+ min.* more, then "80" holds$/m, 'with the name of what it asks, since when, and how long');
like($list, qr/^    writer asks Which port\?$/m, 'who asks what');
like($list, qr/^    one of: 80 \| 443$/m, 'what may be answered');
like($list, qr/^    perigee runs answer \Q$one\E:2 TEXT$/m, 'and what to type');
is(Try::differs([{ run => $one, waiting => [{ run => $one, seq => 2, kind => 'question', agent => 'writer', text => 'Which port?', choices => ['80', '443'], default => '80', until => $now + $HOUR }] }],
    json('list', '--waiting')->{runs}), '', 'programs are told the same');
like(runs('show', $one)->{out}, qr/^waits for:\n  \Q$one\E:2, question/m, 'runs show ends in what is open');
like(runs('show', $one)->{out}, qr/question +writer to User: Which port\?/, 'and says the question where it stands');

my $told = runs('answer', $one, '81', '--no-run');
is($told->{exit}, 35, 'an answer that is none of the choices is refused') or diag($told->{err});
like($told->{err}, qr/"81" is none of the answers: 80 \| 443/, 'with those that there are');
is(inbox($one), '', 'and leaves nothing');
is(runs('approve', $one, '--no-run')->{exit}, 34, 'a question is not approved');
like(runs('approve', "$one:2", '--no-run')->{err}, qr/is a question: perigee runs answer/, 'and the right verb is named');
$told = runs('answer', $one, '443', '--no-run');
is($told->{exit}, 0, 'with one open question the run is name enough') or diag($told->{err});
like($told->{err}, qr/\Q$one\E:2 is told; perigee runs resume \Q$one\E goes on with it/, 'and what comes next is said');
is_deeply($Try::JSON->decode(inbox($one)), { what => 'answer', run => $one, seq => 2, text => '443' }, 'the answer waits in the inbox');
is($timed, 1, 'with the time when it was given');
like(runs('list', '--waiting')->{out}, qr/told "443", and not heard yet: perigee runs resume/, 'the list says so');
like(runs('answer', $one, '80', '--no-run')->{err}, qr/was told "443" already/, 'a second answer is refused');
put($one, answer => { by => 'inbox', text => '443', call => 'c1' });
like(runs('answer', $one, '80', '--no-run')->{err}, qr/nothing in \Q$one\E waits for an answer/, 'what has its answer is not open');

like(runs('export', $one)->{out}, qr{<h3>writer asks User</h3>.*Which port\?.*80 \| 443.*answered by inbox.*443}s, 'the page of the run has the question and its answer');

# -- several, and below -----------------------------------------------------------------------------

my $two  = waits(question(), approval());
my $kid  = child_of($two, 'kid-of-two');
put($kid, question(text => 'Which colour?', call => undef, at => '1', agent => 'helper'));
my $many = runs('answer', $two, 'x', '--no-run');
like($many->{err}, qr/2 of them wait; name one: \Q$two\E:2 \(Which port\?\), kid-of-two:2 \(Which colour\?\)/, 'of several one has to be named');
is(runs('answer', 'kid-of-two', "it's blue", '--no-run')->{exit}, 0, 'a child can be named');
is_deeply($Try::JSON->decode(inbox($two)), { what => 'answer', run => $kid, seq => 2, text => "it's blue" }, 'its answer goes to the top of the tree');
is(inbox($kid), '', 'and not to itself');
Try::write_file("$home->{dir}/answer.txt", "from a file\nof two lines\n");
my $piped = Try::run(home => $home, args => ['runs', 'answer', "$two:2", '-', '--no-run', '--json', '--store', $home->{store}], stdin => "$home->{dir}/answer.txt");
is_deeply($Try::JSON->decode($piped->{out}), { run => $two, told => "$two:2" }, 'an answer of - is read from stdin');
like(inbox($two), qr/"text":"from a file\\nof two lines"/, 'without its last end of line');
like(runs('answer', "$two:9", 'x', '--no-run')->{err}, qr/nothing in \Q$two\E:9 waits for an answer/, 'a record that asks nothing is no question');
like(runs('answer', "$two:2", '--no-run')->{err}, qr/TEXT is missing/, 'there is nothing to say: no answer');

# -- approvals --------------------------------------------------------------------------------------

like(runs('list', '--waiting')->{out}, qr/writer wants to call bash: command: make\n    perigee runs approve \Q$two\E:3, or deny/, 'an approval shows what is to be called');
like(runs('approve', $two, '--always', '--no-run')->{err}, qr/for this once only/, 'what was not all shown is not approved for good');
is(runs('approve', $two, '--no-run')->{exit}, 0, 'an approval needs no number where there is one');
like(inbox($two), qr/^\{"run":"\Q$two\E","seq":3,"what":"approve"\}$/m, 'it is left as such');
my $for_good = waits(approval(choices => ['once', 'always here', 'no', 'never here']));
is(runs('deny', $for_good, '--always', '--no-run')->{exit}, 0, 'a denial for good where that was offered');
is_deeply($Try::JSON->decode(inbox($for_good)), { what => 'deny', run => $for_good, seq => 2, always => JSON::PP::true }, 'is left as one');
put($for_good, decision => { what => 'ask', call => 'c2', verdict => 'deny', by => 'inbox' });
unlike(runs('show', $for_good)->{out}, qr/waits for/, 'once it is decided nothing is open');

# -- deadlines --------------------------------------------------------------------------------------

my $late = waits(question(default => '80', until => $now - 1000));
like(runs('list', '--waiting')->{out}, qr/^  \Q$late\E:2, .*its time is over: "80" holds\n.*\n    perigee runs resume \Q$late\E$/m, 'a question past its time has its default');
like(runs('answer', $late, '443', '--no-run')->{err}, qr/its time is over and "80" holds/, 'and takes no answer');

# -- hostile text -----------------------------------------------------------------------------------

my $evil = waits(question(text => "Run this:\x1b[2J\x1b]0;x\x07 now", agent => "a\x1b[31m"));
unlike(runs('list', '--waiting')->{out} . runs('show', $evil)->{out}, qr/\x1b|\x07/, 'a question drives no terminal');

# -- cancelled --------------------------------------------------------------------------------------

like(runs('cancel', 'kid-of-two')->{err}, qr/is a child of \Q$two\E; perigee runs cancel \Q$two\E/, 'a child is not cancelled by itself');
is(runs('cancel', $two)->{exit}, 0, 'a run that nobody carries is ended');
is_deeply([map { $_->{status} } grep { $_->{run} eq $two || $_->{run} eq $kid } @{ json('list', '--children')->{runs} }], ['cancelled', 'cancelled'], 'with what is below it');
my @order = split /\n/, sql("SELECT run FROM records WHERE kind = 'run.finished' AND run IN ('$two', '$kid') ORDER BY rowid");
is_deeply(\@order, [$kid, $two], 'the child first');
is((Try::journal($home, $two))[-1]{body}{error}{message}, 'cancelled with perigee runs cancel', 'the last record says why');
is(inbox($two), '', 'nothing is left for it that a later life of it would hear');
like(runs('cancel', $two)->{err}, qr/has ended \(cancelled\)/, 'once is enough');
like(runs('answer', $two, 'x', '--no-run')->{err}, qr/nothing in/, 'and nothing waits in it any more');

# -- a live owner -----------------------------------------------------------------------------------

my $own = Try::program_with($home, <<'LUA');
local json = require "lib.json"
return { run = function(cli, words)
  assert(cli.open_journal(words[1]))
  local run = assert(cli.open_run { agent = "waiter", task = "wait" })
  run:append("run.started", "{}")
  run:append("question", json.encode { agent = "waiter", to = "User", text = "Now?", call = "c" })
  cli.out(run.id .. "\n")
  local seen = 0
  while true do
    for _, message in ipairs(assert(run:messages(seen))) do
      seen = message.number
      local said = json.decode(message.body)
      cli.out("heard " .. (said.text or said.what) .. "\n")
      run:append("answer", json.encode { by = "inbox", text = said.text, call = "c" })
      run:took(message.number)
      if said.what == "cancel" then
        run:finish("cancelled", "{}")
        return 0
      end
    end
  end
end }
LUA
my $live = Try::start(home => $home, program => $own, args => ['tools', $home->{store}]);
ok(Try::until_text($live, 'out', qr/^\S+\n/), 'a process carries a run');
my ($carried) = Try::read_file($live->{out}) =~ /^(\S+)/;
is((grep { $_->{run} eq $carried } @{ json('list')->{runs} })[0]{owner}, $live->{pid}, 'the list names the process');
my $said = runs('answer', $carried, 'yes');
is($said->{exit}, 0, 'it can be answered from another process') or diag($said->{err});
like($said->{err}, qr/process $live->{pid} carries the run and heard it/, 'which says who heard it');
ok(Try::until_text($live, 'out', qr/^heard yes$/m), 'and it hears the answer');
is(inbox($carried), '', 'what was heard is gone');
is(json('cancel', $carried)->{owner}, $live->{pid}, 'a cancellation is told to it');
ok(Try::until_text($live, 'out', qr/^heard cancel$/m), 'it hears that too');
is(Try::finish($live)->{exit}, 0, 'and ends by itself');
is((Try::journal($home, $carried))[-1]{kind}, 'run.finished', 'not by the hand of the other process');
is(sql("SELECT count(*) FROM records WHERE run = '$carried' AND kind = 'run.finished'"), "1\n", 'and once');

my $deaf = Try::start(home => $home, program => $own, args => ['tools', $home->{store}]);
ok(Try::until_text($deaf, 'out', qr/^\S+\n/), 'another process carries a run');
my ($unheard) = Try::read_file($deaf->{out}) =~ /^(\S+)/;
kill 'STOP', $deaf->{pid};
my $asks = Try::start(home => $home, args => ['runs', 'cancel', $unheard, '--store', $home->{store}]);
ok(Try::until_true(sub { inbox($unheard) ne '' }), 'a message is left for one that does not listen');
kill 'KILL', $deaf->{pid};
Try::finish($deaf);
$said = Try::finish($asks);
is($said->{exit}, 0, 'when its process dies the run is nobody\'s') or diag($said->{err});
like($said->{err}, qr/\Q$unheard\E is cancelled/, 'and is ended from outside');
is((Try::journal($home, $unheard))[-1]{body}{status}, 'cancelled', 'which its last record says');

# -- once more --------------------------------------------------------------------------------------

my $old  = waits(question());
my $kid2 = child_of($old, 'kid-of-old');
put($old, log => { text => 'further' }, answer => { by => 'person', text => '80', call => 'c1' });
sql("DELETE FROM records WHERE run = '$for_good'; DELETE FROM runs WHERE run = '$for_good'; VACUUM"); # as prune does
my $copy = json('fork', $old, '--at', '4', '--set', 'task=Other.', '--no-run');
is($copy->{of}, $old, 'a run can be had once more');
my @records = Try::journal($home, $copy->{run});
is_deeply([map { $_->{kind} } @records], ['run.started', 'question', 'child', 'log', 'run.resumed'], 'up to the record that was named');
is_deeply($records[-1]{body}, { by => 'fork', of => $old, at => 4, set => { task => 'Other.' } }, 'and then it says what it is');
is($records[2]{body}{run}, "$copy->{run}.1", 'its child has a name of its own');
is((Try::journal($home, "$copy->{run}.1"))[0]{body}{parent}, $copy->{run}, 'and names it as its parent');
like(runs('show', $copy->{run})->{out}, qr/fork of \Q$old\E at 4 task=Other\./, 'runs show says where it comes from');
like(runs('show', $copy->{run})->{out}, qr/waits for:\n  \Q$copy->{run}\E:2, question/, 'and what is open in it');
is((grep { $_->{run} eq $copy->{run} } @{ json('list')->{runs} })[0]{status}, 'interrupted', 'it waits to be carried on');
is(runs('fork', $old, '--no-run')->{exit}, 2, 'where to is to be said');
like(runs('fork', $old, '--at', '99', '--no-run')->{err}, qr/has no record 99; its last is 5/, 'and there has to be such a record');
like(runs('fork', 'kid-of-old', '--at', '1', '--no-run')->{err}, qr/is a child of \Q$old\E; fork that one/, 'a child is not forked by itself');
put(my $plain = waits(), question());
sql("UPDATE records SET body = json_remove(body, '\$.chain') WHERE run = '$plain' AND seq = 1");
like(runs('fork', $plain, '--at', '2', '--set', 'a=b', '--no-run')->{err}, qr/is an agent's run; only chains have parameters/, 'an agent has no parameters');
is(runs('fork', $old, '--at', '2', '--set', 'task', '--no-run')->{exit}, 2, 'what is set has a value');

# -- from end to end ---------------------------------------------------------------------------------

Try::write_file("$home->{dir}/asks.lua", <<'LUA');
local schema = require "lib.schema"
return {
  params = schema.object { { "task", schema.text {}, "x" }, { "word", schema.text { default = "plain" }, "y" } },
  run = function(run, params)
    local port, err = run.question("Which port?", { choices = { "80", "443" } })
    if not port then return nil, err end
    local sure, why = run.question("Sure?")
    return sure and port .. " " .. sure .. " " .. params.word, why
  end,
}
LUA
my $parks = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, "$home->{dir}/asks.lua", 'Ask.']);
is($parks->{exit}, 40, 'a run that only a person can help waits') or diag($parks->{err});
my $id = $Try::JSON->decode($parks->{out})->{run};
is(runs('answer', $id, '443')->{exit}, 40, 'an answer carries it on, until it waits again');
Try::write_file("$home->{dir}/asks.lua", 'error("the file is another one now")');
my $done = runs('answer', $id, 'yes');
is($done->{exit}, 0, 'the last answer carries it to its end') or diag($done->{err});
like($done->{out}, qr/^443 yes plain$/m, 'with what it began with, whatever its file says by now');
is(inbox($id), '', 'and what was heard is gone');
my ($at) = map { $_->{seq} } grep { $_->{kind} eq 'answer' } Try::journal($home, $id);
my $other = json('fork', $id, '--at', $at, '--set', 'word=new', '--no-run')->{run};
is(runs('resume', $other)->{exit}, 40, 'a copy goes on from where it was made');
like(runs('answer', $other, 'no')->{out}, qr/^443 no new$/m, 'with its own answer and its own parameter');
like((map { $_->{body}{result}{text} } (Try::journal($home, $id))[-1])[0], qr/^443 yes plain$/, 'and the run that it is a copy of is as it was');
is(runs('fork', $id, '--at', $at, '--set', 'wrod=new')->{exit}, 35, 'a parameter that there is not ends it');

Try::write_file("$home->{config}/perigee/config.yaml", "policy:\n  rules:\n    - { ask: write, why: \"writing is mine\" }\n");
Try::write_file("$home->{dir}/writes.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object { { "task", schema.text {}, "the file" } }, run = function(run, params)
  local done, err = run.tool("write", { path = params.task, content = "x" })
  return done and "written" or err.message
end }
LUA
for my $case (['approve', 'yes.txt', 1], ['deny', 'no.txt', 0]) {
    my ($verb, $file, $there) = @$case;
    my $asks = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, "$home->{dir}/writes.lua", $file]);
    is($asks->{exit}, 40, 'a call that policy asks about waits') or diag($asks->{err});
    my $run = $Try::JSON->decode($asks->{out})->{run};
    like(runs('list', '--waiting')->{out}, qr/\Q$run\E:\d+, approval.*\n.*wants to call write: /, 'and is listed with what it would do');
    ok(!-e "$home->{work}/$file", 'nothing was done yet');
    my $said = runs($verb, $run);
    is($said->{exit}, 0, "$verb carries it on") or diag($said->{err});
    is(-e "$home->{work}/$file" ? 1 : 0, $there, "after $verb the file is as it was said");
}

# What was shown is what is approved, and what forbids counts as it is now.
sub asks_to_write {
    my ($file, @more) = @_;
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, @more, "$home->{dir}/writes.lua", $file]);
    is($ran->{exit}, 40, 'a call waits') or diag($ran->{out}, $ran->{err});
    return $Try::JSON->decode($ran->{out})->{run};
}
sub policy { Try::write_file("$home->{config}/perigee/config.yaml", "policy:\n  rules:\n    - { $_[0] }\n") }
SKIP: {
    skip 'no sandbox on this machine', 12 if Try::run(home => $home, args => ['doctor'])->{exit} != 0;
    Try::write_file("$home->{dir}/starts.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object { { "task", schema.text {}, "x" } }, run = function(run, params)
  local done, err = run.tool("bash", { command = params.task })
  return done and "done" or err.message
end }
LUA
    policy('ask: bash, why: "commands are mine"');
    my $ran = Try::run(home => $home, args => ['run', '--json', '--store', $home->{store}, "$home->{dir}/starts.lua", 'touch twice.txt']);
    is($ran->{exit}, 40, 'a command waits') or diag($ran->{out}, $ran->{err});
    my $twice = $Try::JSON->decode($ran->{out})->{run};
    unlike(runs('list', '--waiting')->{out}, qr/WITHOUT/, 'in a sandbox');
    is(runs('approve', $twice, '--no-run')->{exit}, 0, 'it is approved as it was shown');
    my $again = runs('resume', $twice, '--unconfined');
    is($again->{exit}, 40, 'and shown anew where something else would be done now') or diag($again->{err});
    ok(!-e "$home->{work}/twice.txt", 'before anything is done');
    is(inbox($twice), '', 'the word that was given for the first one is spent');
    my $open = runs('list', '--waiting')->{out};
    is(scalar(() = $open =~ /^  \Q$twice\E:\d+, approval/mg), 1, 'one of them is open');
    is(runs('resume', $twice, '--unconfined')->{exit}, 40, 'it waits as long as it is needed');
    is(scalar(() = runs('list', '--waiting')->{out} =~ /^  \Q$twice\E:\d+, approval/mg), 1, 'and is asked once');
    like((grep { $_->{kind} eq 'approval' } Try::journal($home, $twice))[-1]{body}{facts}[0], qr/WITHOUT a sandbox/, 'with what it can reach now');
    is(runs('approve', $twice, '--unconfined')->{exit}, 0, 'it can be approved');
    ok(-e "$home->{work}/twice.txt", 'which does it');
}

policy('ask: write, why: "writing is mine"');
my $denied = asks_to_write('denied.txt');
is(runs('approve', $denied, '--no-run')->{exit}, 0, 'a call is approved');
policy('deny: write, why: "not any more"');
runs('resume', $denied);
ok(!-e "$home->{work}/denied.txt", 'what the policy has come to forbid is not done');
like(runs('show', $denied)->{out}, qr/decision +policy: deny \(not any more\)/, 'which is recorded');

policy('ask: write, why: "writing is mine"');
mkdir "$home->{dir}/room";
mkdir "$home->{dir}/elsewhere";
my $moved = asks_to_write('moved.txt', '--workspace', "$home->{dir}/room");
rmdir "$home->{dir}/room" or die $!;
symlink "$home->{dir}/elsewhere", "$home->{dir}/room" or die $!;
my $led = runs('approve', $moved);
like($led->{err}, qr/workspace \S+room leads to \S+elsewhere now/, 'a workspace that became a link is not followed') or diag($led->{out});
isnt($led->{exit}, 0, 'the run does not go on');
ok(!-e "$home->{dir}/elsewhere/moved.txt", 'and nothing is written where it leads');

SKIP: {
    skip 'no sandbox on this machine', 5 if Try::run(home => $home, args => ['doctor'])->{exit} != 0;
    Try::write_file("$home->{dir}/both.lua", <<'LUA');
local schema = require "lib.schema"
return { params = schema.object {}, run = function(run)
  return run.race {
    person = function()
      local said, err = run.question("Stop?")
      return said and { said = said }, err
    end,
    work = function() return run.tool("bash", { command = "sleep 300" }) end,
  }
end }
LUA
    my $works = Try::start(home => $home, args => ['run', '--json', '--store', $home->{store}, "$home->{dir}/both.lua"]);
    my $run;
    ok(Try::until_true(sub {
        my ($row) = grep { ($_->{owner} // 0) == $works->{pid} } @{ json('list')->{runs} };
        $run = $row && $row->{run};
        return $run && runs('show', $run)->{out} =~ /waits for:/;
    }), 'a question is open while something else in the run is at work');
    like(runs('list', '--waiting')->{out}, qr/^\Q$run\E .* running .*\n  \Q$run\E:\d+, question/m, 'it is listed with what wants a word');
    my $stop = runs('answer', $run, 'yes');
    like($stop->{err}, qr/process $works->{pid} carries the run and heard it/, 'its process hears the answer');
    my $ended = Try::finish($works);
    is($ended->{exit}, 0, 'and goes on with it') or diag($ended->{err});
    is($Try::JSON->decode($ended->{out})->{value}{said}, 'yes', 'as its script says');
}

done_testing();
