#!/bin/sh
# Makes sure that this machine has what Herald needs, and installs what it lacks where it may.
#
#   deploy/setup.sh          to run it:  Go, PostgreSQL server binaries
#   deploy/setup.sh tests    to test it: also Node.js with npm, a C compiler for the race detector, and psycopg, nginx and Chromium, of whose
#                            tests those are left out that need what there is not
#   deploy/setup.sh missed   names the tests that are left out on this machine
#
# It is silent where nothing is missing, and never asks: without root or a passwordless sudo it says in one line what to install.
set -eu
cd "$(dirname "$0")/.."

postgres_oldest=15
postgres_newest=18
node_oldest=20

have() { command -v "$1" >/dev/null 2>&1; }

say() { printf 'setup: %s\n' "$*" >&2; }

# missing WHAT: ends with the one line that says what to install
missing() {
	say "missing: $1. Install it and try again."
	exit 1
}

go_wanted() { sed -n 's/^go \([0-9.]*\).*/\1/p' go.mod; }

# at_least HAVE WANTED, both dotted numbers
at_least() {
	awk -v have="$1" -v wanted="$2" 'BEGIN {
		n = split(wanted, w, "."); split(have, h, ".")
		for (i = 1; i <= n; i++) { if (h[i] + 0 > w[i] + 0) exit 0; if (h[i] + 0 < w[i] + 0) exit 1 }
		exit 0
	}'
}

# Asked inside the module, so a Go that fetches the toolchain named in go.mod by itself counts as that toolchain.
go_ok() {
	have go || return 1
	version=$(go env GOVERSION 2>/dev/null) || return 1
	version=${version#go}
	at_least "${version%%[!0-9.]*}" "$(go_wanted)"
}

postgres_at() {
	test -x "$1/postgres" && test -x "$1/initdb" || return 1
	major=$("$1/postgres" --version 2>/dev/null | sed -n 's/^postgres (PostgreSQL) \([0-9]*\).*/\1/p')
	test -n "$major" && test "$major" -ge "$postgres_oldest" && test "$major" -le "$postgres_newest"
}

# The places in which the server looks, too (internal/postgres).
postgres_ok() {
	if test -n "${HERALD_POSTGRES_BIN:-}"; then
		postgres_at "$HERALD_POSTGRES_BIN"
		return
	fi
	if have postgres && postgres_at "$(dirname "$(command -v postgres)")"; then return 0; fi
	for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
		/opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
		if postgres_at "$dir"; then return 0; fi
	done
	return 1
}

node_ok() {
	have node && have npm || return 1
	version=$(node --version 2>/dev/null) || return 1
	at_least "${version#v}" "$node_oldest"
}

psycopg_ok() {
	for python in python3 /usr/bin/python3; do
		if have "$python" && "$python" -c 'import psycopg' 2>/dev/null; then return 0; fi
	done
	return 1
}

nginx_ok() { have nginx || test -x /usr/sbin/nginx; }

chromium_ok() { have chromium || have chromium-browser || have google-chrome; }

compiler_ok() { have "${CC:-gcc}" || { test "$(uname)" = Darwin && have clang; }; }

# as_root COMMAND…
as_root() {
	if test "$(id -u)" -eq 0; then "$@"; else sudo -n "$@"; fi
}

may_install() {
	test "$(id -u)" -eq 0 || { have sudo && sudo -n true 2>/dev/null; }
}

manager() {
	if have apt-get; then echo apt
	elif have dnf; then echo dnf
	elif have apk; then echo apk
	elif have brew; then echo brew
	fi
}

apt_updated=
apt_install() {
	if test -z "$apt_updated"; then
		as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || say 'apt-get update failed; trying with what is known'
		apt_updated=yes
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		-o Dpkg::Options::=--force-confold "$@"
}

# Debian creates and starts a system cluster with the package. Herald starts its own, so where postgresql-common is not there yet
# it is told not to; where it is, somebody has decided already.
apt_install_postgres() {
	if ! dpkg -s postgresql-common >/dev/null 2>&1 && ! test -e /etc/postgresql-common/createcluster.conf; then
		as_root mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
	apt_install postgresql
}

# Debian starts and enables a service with the package. The tests want the program alone: a policy that forbids to start anything holds
# while it is installed, whatever policy there is comes back, and what the package has enabled is disabled.
policy=/usr/sbin/policy-rc.d
apt_install_nginx() {
	known=
	if dpkg -s nginx-common >/dev/null 2>&1; then known=yes; fi # its service is what somebody wants it to be
	trap restore_policy EXIT
	trap 'exit 130' INT TERM
	if test -e "$policy" && ! test -e "$policy.herald"; then as_root mv "$policy" "$policy.herald"; fi
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
	status=0
	apt_install nginx || status=$?
	restore_policy
	trap - EXIT INT TERM
	if test -z "$known" && test -e /etc/init.d/nginx; then as_root update-rc.d nginx disable || true; fi # systemd's unit too
	return "$status"
}

restore_policy() {
	as_root rm -f "$policy"
	if test -e "$policy.herald"; then as_root mv "$policy.herald" "$policy"; fi
}

# install WHAT: 0 where the package manager said yes, 1 where it may not or could not
install() {
	manager=$(manager)
	test -n "$manager" || return 1
	if test "$manager" != brew && ! may_install; then return 1; fi
	say "installing $1 with $manager"
	case "$manager:$1" in
	apt:go) apt_install golang-go ca-certificates ;;
	apt:postgres) apt_install_postgres ;;
	apt:node) apt_install nodejs npm ;;
	apt:compiler) apt_install gcc libc6-dev ;;
	apt:psycopg) apt_install python3-psycopg ;;
	apt:nginx) apt_install_nginx ;;
	apt:chromium) apt_install chromium ;;
	dnf:go) as_root dnf install -y -q golang ;;
	dnf:postgres) as_root dnf install -y -q postgresql-server ;;
	dnf:node) as_root dnf install -y -q nodejs npm ;;
	dnf:compiler) as_root dnf install -y -q gcc glibc-devel ;;
	dnf:chromium) as_root dnf install -y -q chromium ;;
	dnf:psycopg) as_root dnf install -y -q python3-psycopg3 ;;
	dnf:nginx) as_root dnf install -y -q nginx-core || as_root dnf install -y -q nginx ;;
	apk:go) as_root apk add --quiet go ;;
	apk:postgres) as_root apk add --quiet postgresql ;;
	apk:node) as_root apk add --quiet nodejs npm ;;
	apk:compiler) as_root apk add --quiet gcc musl-dev ;;
	apk:chromium) as_root apk add --quiet chromium ;;
	apk:psycopg) as_root apk add --quiet py3-psycopg ;;
	apk:nginx) as_root apk add --quiet nginx ;;
	brew:go) brew install --quiet go ;;
	brew:postgres) brew install --quiet postgresql@17 ;;
	brew:node) brew install --quiet node ;;
	brew:nginx) brew install --quiet nginx ;;
	brew:compiler) return 1 ;; # xcode-select --install asks
	*) return 1 ;;
	esac >&2 </dev/null
}

# require CHECK WHAT TEXT
require() {
	if "$1"; then return 0; fi
	if install "$2" && "$1"; then return 0; fi
	missing "$3"
}

# missed names what is left out, in a line each.
missed() {
	psycopg_ok || say 'no psycopg for Python found: the Python example is not tested'
	nginx_ok || say 'no nginx found: deploy/nginx/herald.conf is not tested'
	chromium_ok || say 'no Chromium found: the example pages are not tested'
}

if test "${1:-}" = missed; then
	missed
	exit 0
fi

require go_ok go "Go $(go_wanted) or newer (https://go.dev/dl/)"

# The server downloads PostgreSQL where it finds none, so here it is a wish and not a condition, unless a place was named.
if ! postgres_ok; then
	if test -n "${HERALD_POSTGRES_BIN:-}"; then
		missing "PostgreSQL $postgres_oldest to $postgres_newest (postgres, initdb) in HERALD_POSTGRES_BIN=$HERALD_POSTGRES_BIN"
	fi
	if ! install postgres || ! postgres_ok; then
		say "no PostgreSQL $postgres_oldest to $postgres_newest server found: Herald will download one when it first starts"
	fi
fi

if test "${1:-}" = tests; then
	require node_ok node "Node.js $node_oldest or newer with npm (https://nodejs.org)"
	require compiler_ok compiler "a C compiler (gcc), for Go's race detector"
	psycopg_ok || install psycopg || true
	nginx_ok || install nginx || true
	chromium_ok || install chromium || true
	missed
fi
