#!/bin/sh
# Runs tests again and again beside a load that keeps every processor busy, and names each test that failed: one that holds on an idle
# machine only is a fault of the test, or the first sign of one in what it tests.
#
#	test-busy.sh RUNS PACKAGE…
#
# What each run printed is kept in .tools/busy.
set -eu

runs=$1
shift
logs=.tools/busy
rm -rf "$logs"
mkdir -p "$logs"

load=
trap 'for pid in $load; do kill "$pid" 2>/dev/null || true; done' EXIT
trap 'exit 130' INT TERM
processors=$(getconf _NPROCESSORS_ONLN)
while test "$processors" -gt 0; do
	sh -c 'while :; do :; done' &
	load="$load $!"
	processors=$((processors - 1))
done

run=0
while test "$run" -lt "$runs"; do
	run=$((run + 1))
	echo "run $run of $runs" >&2
	if ! go test -count 1 -timeout "${TEST_TIMEOUT:-10m}" "$@" >"$logs/run-$run.log" 2>&1; then
		# A test's name stands above its package's line; a package that was ended (a panic, a time-out) has that line alone.
		awk -v run="$run" '
			/^ *--- FAIL: / { failed[++n] = $3 }
			/^panic: / && n == 0 { failed[++n] = $0 }
			/^(FAIL|ok)\t/ {
				if ($1 == "FAIL") {
					if (n == 0) failed[++n] = "(the package itself)"
					for (i = 1; i <= n; i++) print $2 "\t" failed[i] "\trun " run
				}
				n = 0
			}' "$logs/run-$run.log" | tee -a "$logs/failed" >&2
	fi
done

if test -s "$logs/failed"; then
	echo "failed once or more often in $runs runs:" >&2
	cut -f 1,2 "$logs/failed" | sort | uniq -c | sort -rn >&2
	echo "what they said is in $logs" >&2
	exit 1
fi
echo "nothing failed in $runs runs" >&2
