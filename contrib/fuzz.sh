#!/usr/bin/env bash
# Runs every fuzz target of the module for some time each, one after another.
# Usage: contrib/fuzz.sh DURATION
set -euo pipefail
time=$1
targets=0
while read -r package; do
	# grep fails when there is none, which is no error here.
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "fuzz: $package $target for $time"
		# Without a bound on minimizing, a large input can take up all the time.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$package"
		targets=$((targets + 1))
	done
done < <(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n 1 dirname | sort -u)
if [ "$targets" = 0 ]; then
	echo "fuzz: found no target" >&2
	exit 1
fi
