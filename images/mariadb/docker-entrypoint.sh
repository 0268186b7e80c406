#!/usr/bin/env bash
# Makes the data folder on the first start, then becomes the server. Behaves as the public image's entrypoint does, for
# what a rehearsal uses of it.
set -Eeo pipefail

DATADIR=/var/lib/mysql

fail() {
	printf >&2 'Error: %s\n' "$1"
	exit 1
}

# MARIADB_X or MYSQL_X, or the content of the file that their _FILE names.
setting() {
	local name="$1" prefix var file
	for prefix in MARIADB MYSQL; do
		var="${prefix}_${name}" file="${prefix}_${name}_FILE"
		if [ -n "${!var:-}" ]; then
			printf '%s' "${!var}"
			return
		elif [ -n "${!file:-}" ]; then
			cat "${!file}"
			return
		fi
	done
}

# A text as an SQL literal.
literal() {
	local text="${1//\\/\\\\}"
	printf "'%s'" "${text//\'/\'\'}"
}

identifier() {
	printf '`%s`' "${1//\`/\`\`}"
}

ask() {
	mariadb --no-defaults --protocol=socket --socket=/run/mysqld/init.sock --user=root "$@"
}

# Passwords and accounts, told to a server that nobody can reach.
accounts() {
	local root="$1" database="$2" user="$3" password="$4" host
	echo "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost'); FLUSH PRIVILEGES;"
	echo "CREATE USER IF NOT EXISTS root@localhost;"
	echo "ALTER USER root@localhost IDENTIFIED BY $(literal "$root");"
	echo "GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION;"
	host="$(setting ROOT_HOST)"
	host="${host:-%}"
	if [ "$host" != localhost ]; then
		echo "CREATE USER root@$(literal "$host") IDENTIFIED BY $(literal "$root");"
		echo "GRANT ALL ON *.* TO root@$(literal "$host") WITH GRANT OPTION;"
	fi
	if [ -n "$database" ]; then
		echo "CREATE DATABASE IF NOT EXISTS $(identifier "$database");"
	fi
	if [ -n "$user" ] && [ -n "$password" ]; then
		echo "CREATE USER $(literal "$user")@'%' IDENTIFIED BY $(literal "$password");"
		if [ -n "$database" ]; then
			echo "GRANT ALL ON $(identifier "${database//_/\\_}").* TO $(literal "$user")@'%';"
		fi
	fi
	echo "DROP DATABASE IF EXISTS test;"
}

init_files() {
	local f root="$1" database="$2"
	shift 2
	export MYSQL_PWD="$root"
	for f; do
		case "$f" in
			*.sh) printf '%s: sourcing %s\n' "$0" "$f"; . "$f" ;;
			*.sql) printf '%s: running %s\n' "$0" "$f"; ask "$database" < "$f" ;;
			*.sql.gz) printf '%s: running %s\n' "$0" "$f"; gunzip -c "$f" | ask "$database" ;;
			*.sql.xz) printf '%s: running %s\n' "$0" "$f"; xzcat "$f" | ask "$database" ;;
			*.sql.zst) printf '%s: running %s\n' "$0" "$f"; zstd -dc "$f" | ask "$database" ;;
			*) printf '%s: ignoring %s\n' "$0" "$f" ;;
		esac
	done
	unset MYSQL_PWD
}

initialize() {
	local root database server tries
	root="$(setting ROOT_PASSWORD)"
	database="$(setting DATABASE)"
	if [ -z "$root" ] && [ -z "$(setting ALLOW_EMPTY_ROOT_PASSWORD)" ]; then
		fail 'Database is uninitialized and password option is not specified. Set MARIADB_ROOT_PASSWORD.'
	fi
	mariadb-install-db --datadir="$DATADIR" --skip-test-db --auth-root-authentication-method=normal --user=mysql > /dev/null
	"$@" --skip-networking --socket=/run/mysqld/init.sock --datadir="$DATADIR" &
	server=$!
	# Asked until it answers: the server says nothing to its parent when it is ready.
	for ((tries = 0; tries < 300; tries++)); do
		if ask -e 'SELECT 1' > /dev/null 2>&1; then break; fi
		kill -0 "$server" || fail 'The temporary server ended.'
		sleep 0.2
	done
	accounts "$root" "$database" "$(setting USER)" "$(setting PASSWORD)" | ask mysql
	init_files "$root" "$database" /docker-entrypoint-initdb.d/*
	kill -TERM "$server"
	wait "$server"
	printf '\nMariaDB init process done. Ready for start up.\n\n'
}

main() {
	# `docker run mariadb:10.11 --skip-ssl` means the server.
	if [ "${1:0:1}" = - ]; then
		set -- mariadbd "$@"
	fi
	if [ "$1" = mariadbd ] || [ "$1" = mysqld ]; then
		if [ "$(id -u)" = 0 ]; then
			mkdir -p "$DATADIR" /run/mysqld
			find "$DATADIR" /run/mysqld \! -user mysql -exec chown mysql: '{}' +
			exec gosu mysql "${BASH_SOURCE[0]}" "$@"
		fi
		if [ ! -d "$DATADIR/mysql" ]; then
			initialize "$@"
		fi
	fi
	exec "$@"
}

main "$@"
