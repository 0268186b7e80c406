#!/bin/sh
# Options alone are options of the server. Root owns nothing of it: the server runs as its own user.
set -eu
if [ "$#" -eq 0 ] || [ "${1#-}" != "$1" ]; then
	set -- redis-server "$@"
fi
if [ "$1" = redis-server ]; then
	shift
	set -- redis-server --protected-mode no "$@"
	if [ "$(id -u)" -eq 0 ]; then
		chown redis: .
		exec setpriv --reuid=redis --regid=redis --init-groups -- "$@"
	fi
fi
exec "$@"
