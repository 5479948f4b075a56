# Probed.pm -- what a model says to the questions of `perigee models check`, and to a few of tests: the same
# words on whatever wire.
#
# Use    my ($texts, $calls, $stop) = Probed::reply($asked, $results);
# $asked is the last text of the user, $results the ids of the calls whose results came with it.
# A call is [id, tool, { arguments }]; $stop is end or calls.
package Probed;
use strict;
use warnings;

sub reply {
    my ($asked, $results, $result) = @_;
    if (@$results) {
        return ['It is 5.'], [], 'end' if $result eq '5';
        return ['Done.'], [], 'end' if $results->[0] eq 'w1';
        return ["Heard: $result"], [], 'end';
    }
    return [$1], [], 'end' if $asked =~ /one word: (\w+)/;
    return [], [['a1', 'add', { a => 2, b => 3 }]], 'calls' if $asked =~ /Call add with/;
    return [], [['a1', 'add', { a => 1, b => 2 }], ['a2', 'add', { a => 3, b => 4 }]], 'calls' if $asked =~ /Call add twice/;
    return [map { "$_\n" } 1 .. $1], [], 'end' if $asked =~ /Count from 1 to (\d+)/;
    return ['{"sum":', '5}'], [], 'end' if $asked =~ /What is 2 \+ 3/;
    return ['Let me see. '], [['r1', 'read', { path => $1 }]], 'calls' if $asked =~ /read (\S+)/;
    return [], [['w1', 'web_fetch', { url => $1 }]], 'calls' if $asked =~ /fetch (\S+)/;
    return ['Go ', "\x{1F680} ", 'now.'], [], 'end';
}

1;
