#!/usr/bin/env bash
# Makes the cluster on the first start, then becomes the server. Behaves as the public image's entrypoint does.
set -Eeo pipefail

fail() {
	printf >&2 'Error: %s\n' "$1"
	exit 1
}

# VAR, or the content of the file that VAR_FILE names, or a default.
file_env() {
	local var="$1" file_var="${1}_FILE" value="${2:-}"
	if [ -n "${!var:-}" ] && [ -n "${!file_var:-}" ]; then
		fail "both $var and $file_var are set (but are exclusive)"
	fi
	if [ -n "${!var:-}" ]; then
		value="${!var}"
	elif [ -n "${!file_var:-}" ]; then
		value="$(<"${!file_var}")"
	fi
	export "$var"="$value"
	unset "$file_var"
}

load_environment() {
	file_env POSTGRES_PASSWORD
	file_env POSTGRES_USER postgres
	file_env POSTGRES_DB "$POSTGRES_USER"
	file_env POSTGRES_INITDB_ARGS
	: "${POSTGRES_HOST_AUTH_METHOD:=}"
}

make_directories() {
	mkdir -p "$PGDATA"
	chmod 00700 "$PGDATA" || :
	mkdir -p /var/run/postgresql || :
	chmod 03775 /var/run/postgresql || :
	if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
		mkdir -p "$POSTGRES_INITDB_WALDIR"
		chmod 700 "$POSTGRES_INITDB_WALDIR"
	fi
	if [ "$(id -u)" = 0 ]; then
		if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
			find "$POSTGRES_INITDB_WALDIR" \! -user postgres -exec chown postgres '{}' +
		fi
		find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
		find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
	fi
}

check_password() {
	if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
		fail 'Database is uninitialized and superuser password is not specified. Set POSTGRES_PASSWORD to a non-empty value, or POSTGRES_HOST_AUTH_METHOD=trust to accept every connection without one.'
	fi
}

init_cluster() {
	local wal=()
	if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
		wal=(--waldir "$POSTGRES_INITDB_WALDIR")
	fi
	# Several arguments in one variable: split by the shell's own rules, as the public image does.
	eval 'initdb --username="$POSTGRES_USER" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD") "${wal[@]}" '"$POSTGRES_INITDB_ARGS"

	# initdb leaves `trust` on the local socket and on 127.0.0.1; everyone else needs the password.
	local method="$POSTGRES_HOST_AUTH_METHOD"
	: "${method:=$(postgres -C password_encryption "$@")}"
	printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"
}

# `--no-psqlrc`: nothing but the given script decides. ON_ERROR_STOP: half an init script is a failed start.
process_sql() {
	local database=()
	if [ -n "$POSTGRES_DB" ]; then
		database=(--dbname "$POSTGRES_DB")
	fi
	PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc "${database[@]}" "$@"
}

make_database() {
	local exists
	exists="$(POSTGRES_DB='' process_sql --dbname postgres --set db="$POSTGRES_DB" --tuples-only <<-'SQL'
		SELECT 1 FROM pg_database WHERE datname = :'db';
	SQL
	)"
	if [ -z "$exists" ]; then
		POSTGRES_DB='' process_sql --dbname postgres --set db="$POSTGRES_DB" <<-'SQL'
			CREATE DATABASE :"db";
		SQL
	fi
}

process_init_files() {
	local f
	for f; do
		case "$f" in
			*.sh)
				if [ -x "$f" ]; then
					printf '%s: running %s\n' "$0" "$f"
					"$f"
				else
					printf '%s: sourcing %s\n' "$0" "$f"
					. "$f"
				fi
				;;
			*.sql) printf '%s: running %s\n' "$0" "$f"; process_sql -f "$f" ;;
			*.sql.gz) printf '%s: running %s\n' "$0" "$f"; gunzip -c "$f" | process_sql ;;
			*.sql.xz) printf '%s: running %s\n' "$0" "$f"; xzcat "$f" | process_sql ;;
			*.sql.zst) printf '%s: running %s\n' "$0" "$f"; zstd -dc "$f" | process_sql ;;
			*) printf '%s: ignoring %s\n' "$0" "$f" ;;
		esac
	done
}

# The server that runs the init scripts listens on the socket only: nobody meets a half-made database over the network.
start_temporary_server() {
	set -- "$@" -c listen_addresses='' -p "${PGPORT:-5432}"
	NOTIFY_SOCKET='' PGUSER="${PGUSER:-$POSTGRES_USER}" pg_ctl -D "$PGDATA" -o "$(printf '%q ' "$@")" -w start
}

stop_temporary_server() {
	PGUSER="${PGUSER:-postgres}" pg_ctl -D "$PGDATA" -m fast -w stop
}

wants_help_only() {
	local arg
	for arg; do
		case "$arg" in
			-'?' | --help | --describe-config | -V | --version) return 0 ;;
		esac
	done
	return 1
}

main() {
	# `docker run postgres:15 -c fsync=off` means the server.
	if [ "${1:0:1}" = - ]; then
		set -- postgres "$@"
	fi
	if [ "$1" = postgres ] && ! wants_help_only "$@"; then
		load_environment
		make_directories
		if [ "$(id -u)" = 0 ]; then
			exec gosu postgres "${BASH_SOURCE[0]}" "$@"
		fi
		if [ -s "$PGDATA/PG_VERSION" ]; then
			printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
		else
			check_password
			# An unreadable folder stops the start here, before there is a half-made cluster.
			ls /docker-entrypoint-initdb.d/ > /dev/null
			init_cluster "${@:2}"
			export PGPASSWORD="${PGPASSWORD:-$POSTGRES_PASSWORD}"
			start_temporary_server "${@:2}"
			make_database
			process_init_files /docker-entrypoint-initdb.d/*
			stop_temporary_server
			unset PGPASSWORD
			printf '\nPostgreSQL init process complete; ready for start up.\n\n'
		fi
	fi
	exec "$@"
}

main "$@"
