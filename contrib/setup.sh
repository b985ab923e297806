#!/usr/bin/env bash
# Installs the programs that tests, demo and benchmarks use, where that is
# possible: on Debian and its relatives, as root. Elsewhere it says what is
# missing and what that leaves out. It always succeeds: a test that lacks
# something says so itself and is counted.
set -euo pipefail

# One line each: program, Debian package, what it is for.
wanted='
gcc         gcc             the race detector
keepalived  keepalived      interoperation with keepalived and benchmarks against it
nginx       nginx-light     the nginx examples, and the checks of web servers
tshark      tshark          the check of our packets by an independent decoder
tcpdump     tcpdump         packet captures
arping      iputils-arping  address probing by an independent program
nft         nftables        how an independent program reads our filter, and a firewall that refuses
ipvsadm     ipvsadm         how an independent program reads our table of IPVS
tc          iproute2        a network that loses packets
linux.uml   user-mode-linux a kernel that can what this machine may not
busybox     busybox-static  the modules of that kernel
haproxy     haproxy         the client of its stats socket in Lua, and the check of agents
mariadbd    mariadb-server  the client of MySQL in Lua
pg_ctlcluster postgresql    the client of PostgreSQL in Lua
redis-server redis-server   the client of Redis in Lua
dnsmasq     dnsmasq-base    the client of DNS in Lua, and the check of name servers
slapd       slapd           the client of LDAP in Lua
podman      podman          the client of Docker in Lua
smtpd       opensmtpd       the client of SMTP in Lua, and the check of mail servers
python3     python3-minimal the checker in Python
openssl     openssl         a server of TLS that begins a handshake again
dbus-daemon dbus-daemon     the module for systemd in Lua
'

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # daemons live in sbin

# The packages that the release did not have when its lists were fetched last. Lists
# are fetched for them again after a day, or after `make clean`: not by each run.
none=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/setup-none
[ -n "$(find "$none" -mmin -1440 2>/dev/null)" ] || rm -f "$none" 2>/dev/null || true

packages=() lines=()
want() { # PACKAGE LINE
	if grep -qsxF -- "$1" "$none"; then
		echo "setup: this release has no $1, so this is left out:"
		echo "$2"
		return
	fi
	packages+=("$1")
	lines+=("$2")
}
while read -r program package purpose; do
	[ -n "$program" ] || continue
	command -v "$program" >/dev/null && continue
	want "$package" "  $program (Debian: $package), for $purpose"
done <<<"$wanted"
# gcc alone compiles nothing.
if [ ! -e /usr/include/stdio.h ] && command -v apt-get >/dev/null; then
	want libc6-dev "  the C library's headers (Debian: libc6-dev), for the race detector"
fi
[ ${#packages[@]} -gt 0 ] || exit 0

left_out() {
	echo "setup: $1, so these stay missing and what they are for is left out:"
	printf '%s\n' "${lines[@]}"
	exit 0
}
command -v apt-get >/dev/null || left_out "this is no Debian system"
[ "$(id -u)" = 0 ] || left_out "installing needs root"

echo "setup: installing ${packages[*]}"
# The packages of daemons start them unless this file forbids it. One that
# the administrator made stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
install() {
	# For a source that it cannot reach it may only warn, and does so in this language.
	LC_ALL=C apt-get update || return
	local known=() lists="this release has"
	! grep -qE '^(Err:|W: (Failed|Some index))' "$log" || lists="the lists that could be fetched have"
	for package in "${packages[@]}"; do # one that a release has not would cost all others
		if apt-cache show "$package" >/dev/null 2>&1; then
			known+=("$package")
		else
			echo "setup: $lists no $package: what it is for is left out" >&3
			[ "$lists" != "this release has" ] || { mkdir -p "$(dirname "$none")" && echo "$package" >>"$none"; }
		fi
	done
	[ ${#known[@]} = 0 ] || apt-get install -y --no-install-recommends "${known[@]}"
}
if ! install 3>&1 >"$log" 2>&1; then
	tail -n 20 "$log"
	rm -f "$log"
	left_out "apt-get failed"
fi
rm -f "$log"
