"""The migrator: runs what the database has not recorded, and says so line by line."""

import time

from . import base, migrations

BAR = "=" * 79


def known():
    """The migrations of this release and all before: version, name, function."""
    return [entry for entry in migrations.ALL if int(entry[0][0]) <= base.MAJOR]


def say(text):
    line = f"== {text} "
    print(line + BAR[len(line) :], flush=True)


def migrate():
    connection = base.connect()
    with connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists schema_migrations (version text primary key)")
        cursor.execute("select version from schema_migrations")
        recorded = {version for (version,) in cursor.fetchall()}
    for version, name, run in known():
        if version in recorded:
            continue
        if version == "404" and base.planted("migration-skipped"):
            continue
        say(f"{version} {name}: migrating")
        began = time.monotonic()
        with connection, connection.cursor() as cursor:
            run(cursor)
            cursor.execute("insert into schema_migrations values (%s)", (version,))
        say(f"{version} {name}: migrated ({time.monotonic() - began:.4f}s)")
        print()
    # Not in the transaction of a migration: some of it can only be done outside of any.
    connection.autocommit = True
    with connection.cursor() as cursor:
        base.damage_done(cursor)
    connection.close()
    return 0
