#!/bin/sh
# Configures the instance from the environment, then becomes the server, or the command given, as www-data.
#
#   REDMINE_DB_HOST      database.yml is written when this is set, and left alone when not
#   REDMINE_DB_PORT      5432
#   REDMINE_DB_NAME, REDMINE_DB_USER   redmine
#   REDMINE_DB_PASSWORD
#   REDMINE_SECRET_KEY, REDMINE_SECRET_KEY_FILE
#                        the key of the instance; without either, secret_key.txt stays: restored, or the image's own
#
# Started with `--user`, it can't write any of this and only runs the command.
set -eu

config=/etc/redmine/default

# A YAML scalar that no password can break out of.
quoted() {
	printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"
}

# Written beside and moved into place: a command in another process never reads half a file.
install_config() {
	cat > "$config/.$1.new"
	chown root:www-data "$config/.$1.new"
	chmod 0640 "$config/.$1.new"
	mv "$config/.$1.new" "$config/$1"
}

configure() {
	if [ -n "${REDMINE_DB_HOST:-}" ]; then
		install_config database.yml <<-YAML
			production:
			  adapter: postgresql
			  host: $(quoted "$REDMINE_DB_HOST")
			  port: ${REDMINE_DB_PORT:-5432}
			  database: $(quoted "${REDMINE_DB_NAME:-redmine}")
			  username: $(quoted "${REDMINE_DB_USER:-redmine}")
			  password: $(quoted "${REDMINE_DB_PASSWORD:-}")
			  encoding: utf8
		YAML
	fi

	if [ -n "${REDMINE_SECRET_KEY:-}" ]; then
		printf '%s' "$REDMINE_SECRET_KEY" | install_config secret_key.txt
	elif [ -n "${REDMINE_SECRET_KEY_FILE:-}" ]; then
		install_config secret_key.txt < "$REDMINE_SECRET_KEY_FILE"
	fi

	# Rails makes its caches here and dies when it can't; the package leaves the folder to the web server's setup.
	install -d -o www-data -g www-data /usr/share/redmine/tmp

	# A volume that was never written comes up as root's.
	chown www-data: /var/lib/redmine/default/files
}

if [ "$#" -eq 0 ]; then
	# The container's own earlier life leaves its pid file, and every server here is process 1: it would take itself
	# for running already.
	rm -f /tmp/puma.pid
	set -- bundle exec rails server -e production -b 0.0.0.0 -p 3000 -P /tmp/puma.pid
fi

if [ "$(id -u)" -eq 0 ]; then
	configure
	exec setpriv --reuid=www-data --regid=www-data --init-groups -- "$@"
fi
exec "$@"
