#!/bin/sh
# Runs one proof and notes it in docs/proofs.md: its name, what it proved, how large it was, how long it took, and whether it held.
#
#	prove.sh NAME SEED SIZE COMMAND…
#
# A proof is what takes too long for `make test`. It is noted whether it holds or not, with the commit that it ran on.
set -eu
cd "$(dirname "$0")/.."

name=$1 seed=$2 size=$3
shift 3

flags=${MAKEFLAGS-}
case ${flags%% *} in
-* | *=*) ;;
*n*) exec "$@" ;; # make -n says what it would do
esac

commit=$(git rev-parse --short=9 HEAD)
if test -n "$(git status --porcelain --untracked-files=no -- . ':!docs/proofs.md')"; then commit="$commit and changes"; fi

began=$(date +%s)
verdict=held
"$@" || verdict=failed
seconds=$(($(date +%s) - began))

printf '| %s | %s | %s | %s | %d min %d s | %s | %s |\n' \
	"$name" "$commit" "$seed" "$size" $((seconds / 60)) $((seconds % 60)) "$verdict" "$(date -u +%Y-%m-%d)" >>docs/proofs.md
echo "$name $verdict; noted in docs/proofs.md" >&2
test "$verdict" = held
