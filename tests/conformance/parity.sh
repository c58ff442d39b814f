#!/bin/sh
# Writes docs/parity.md from what the runners printed:
#
#   tests/conformance/parity.sh rust=rust.log c=c.log python=python.log node=node.log kotlin=kotlin.log
#
# A language whose output is not given, or that has no line for a scenario, is shown as not run.
set -eu
cd "$(dirname "$0")"
names=$(mktemp)
trap 'rm -f "$names"' EXIT
sed -n 's/^ *"name": *"\(.*\)",\{0,1\}$/\1/p' cancel.json errors.json hosts.json sessions.json turns.json > "$names"
mkdir -p ../../docs
awk -v languages="rust c python node kotlin swift" -v names="$names" -v given="$*" '
BEGIN {
    count = split(languages, language, " ")
    for (pairs = split(given, pair, " "); pairs > 0; pairs--) {
        at = index(pair[pairs], "=")
        who = substr(pair[pairs], 1, at - 1)
        file = substr(pair[pairs], at + 1)
        while ((getline line < file) > 0) {
            # A test framework may have written something before it.
            if (!match(line, /(ok|FAIL|n\/a) - /)) continue
            line = substr(line, RSTART)
            mark = substr(line, 1, index(line, " - ") - 1)
            name = substr(line, length(mark) + 4)
            if (mark != "ok") sub(/: .*/, "", name)
            seen[who, name] = mark
        }
    }
    print "# Parity\n\nWhich runner played which scenario of `tests/conformance`, and how it ended. Written by `tests/conformance/parity.sh`."
    print "\n✓ holds, ✗ fails, n/a impossible in the language, – not run. Swift has a runner that has not been compiled yet.\n"
    row = "| scenario |"; rule = "|---|"
    for (i = 1; i <= count; i++) { row = row " " language[i] " |"; rule = rule ":-:|" }
    print row "\n" rule
    while ((getline name < names) > 0) {
        row = "| " name " |"
        for (i = 1; i <= count; i++) {
            mark = seen[language[i], name]
            if (mark == "ok") held[i]++
            row = row " " (mark == "ok" ? "✓" : mark == "FAIL" ? "✗" : mark == "n/a" ? mark : "–") " |"
        }
        print row
        scenarios++
    }
    row = "| **" scenarios " scenarios, held** |"
    for (i = 1; i <= count; i++) row = row " **" (held[i] + 0) "** |"
    print row
}' /dev/null > ../../docs/parity.md
echo "docs/parity.md"
