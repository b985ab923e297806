#!/usr/bin/env bash
# Shows a failover on this machine: the two nodes of examples/nginx-ha in
# network namespaces. Usage: contrib/demo.sh MOONKEEP
set -euo pipefail
moonkeep=$1
example=examples/nginx-ha
files=("$example/a.yaml" "$example/b.yaml")
lab=("$moonkeep" lab "${files[@]}" --script "$example/demo.steps")

if [ "$(id -u)" = 0 ]; then
	exec "${lab[@]}"
fi
# Without root the same works in a user namespace, where the kernel allows
# them. /run is hidden so that nothing is written outside.
inside='mount -t tmpfs tmpfs /run && exec "$@"'
if unshare -r -n -m sh -c 'mount -t tmpfs tmpfs /run' 2>/dev/null; then
	exec unshare -r -n -m sh -c "$inside" demo "${lab[@]}"
fi
cat <<-EOT
	demo: this user may not make network namespaces, so no failover can be shown
	on real interfaces. Run it as root, or allow unprivileged user namespaces.
	Instead: the check of the two configurations, and simulated clusters.
EOT
"$moonkeep" check "${files[@]}"
go test -count=1 -short ./core/rehearse
