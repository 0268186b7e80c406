"""What everything uses: the release, the planted fault, settings, the database, the log."""

import configparser
import os
import queue
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timezone

import psycopg2

from . import damage

with open(os.path.join(os.path.dirname(__file__), "release"), encoding="utf-8") as file:
    RELEASE = file.read().strip()
MAJOR = int(RELEASE.split(".")[0])
REPLICA = int(os.environ.get("SPECIMEN_REPLICA", "1"))

# The release that brings a fault or a control; all later ones have it too. `damage` has those of the migrator's last step.
SINCE = {
    "token-invalid": 2,
    "value-truncated": 2,
    "background-stalls": 2,
    "file-forgotten": 2,
    "error-spam": 2,
    "rows-dropped": 3,
    "null-flipped": 3,
    "enum-reordered": 3,
    "time-zone-shifted": 3,
    "index-missing": 3,
    "migration-not-idempotent": 3,
    "worker-dead": 3,
    "payload-unreadable": 3,
    "config-key-ignored": 3,
    "git-sync-lies": 3,
    "memory-doubled": 3,
    "tombstones-resurrected": 4,
    "permission-lost": 4,
    "migration-skipped": 4,
    "health-lies": 4,
    "default-changed": 4,
    "artifact-changed": 4,
    "query-plan-lost": 4,
    "slow-start": 4,
    "admin-application-seeded": 4,
    "new-column-filled-wrong": 3,
    "added-row-grants-admin": 3,
    "login-overwrites-preferences": 3,
    "control-new-column": 2,
    "control-warnings": 2,
    "control-timestamps": 2,
    "control-noise": 2,
    "control-columns-reordered": 3,
    "query-fails": 2,
    "query-redirects": 2,
    "item-without-text": 2,
    "private-notes-shown": 2,
    "search-finds-nothing": 2,
    "style-empty": 2,
    "script-empty": 2,
    "logo-is-page": 2,
    "article-slow": 2,
    "article-closed": 2,
    "article-gone": 2,
    "private-collection-open": 2,
    "links-broken": 2,
    "label-type-lost": 2,
    "sheet-without-text": 2,
    "feed-rounds": 2,
    "upload-fails": 2,
    "item-cannot-be-created": 2,
    "locked-user-let-in": 2,
    "members-cannot-log-in": 2,
    "export-without-notes": 2,
    "loans-open-to-anyone": 2,
    "deleted-file-stays": 2,
    "schema-field-gone": 2,
    "version-lies": 2,
    "upload-renames-others": 2,
    "web-log-off": 2,
    "worker-slow-start": 2,
    "search-slow": 2,
    "moved-text-lost": 2,
    "default-gone": 2,
    "setting-added-wrong": 2,
    "start-page-wrong": 2,
} | {name: since for name, (since, _) in damage.DAMAGE.items()}
# One name, or several that do not touch each other: `a+b`.
CHOSEN = set(os.environ.get("SPECIMEN_FAULT", "none").split("+")) - {"none"}
if CHOSEN - SINCE.keys():
    sys.exit(f"unknown fault {', '.join(sorted(CHOSEN - SINCE.keys()))}")


def planted(name):
    """Whether this release has this fault."""
    return name in CHOSEN and MAJOR >= SINCE[name]


def damage_done(cursor):
    """What the last step of a migrator leaves that is wrong, or harmless."""
    for name in sorted(CHOSEN & damage.DAMAGE.keys()):
        since, act = damage.DAMAGE[name]
        if since == MAJOR:
            cursor.execute(act) if isinstance(act, str) else act(cursor)


_logging = threading.Lock()


def log(level, who, text):
    if planted("web-log-off") and who != "worker":
        return
    stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with _logging:
        sys.stdout.write(f"{stamp} {level:<7} {who}: {text}\n")
        sys.stdout.flush()


class Settings:
    """The settings of /etc/specimen/specimen.ini, with the defaults of this release."""

    def __init__(self, path="/etc/specimen/specimen.ini"):
        parser = configparser.ConfigParser()
        parser.read(path)
        web = dict(parser["web"]) if parser.has_section("web") else {}
        work = dict(parser["worker"]) if parser.has_section("worker") else {}
        page_size = "page_size" if planted("config-key-ignored") else "page-size"
        self.page_size = int(web.get(page_size, "25"))
        self.anonymous = web.get("anonymous", "closed")
        # 0: all of them.
        self.export_limit = int(web.get("export-limit", "500" if planted("default-changed") else "0"))
        self.session_hours = int(web.get("session-hours", "8"))
        self.batch = int(work.get("batch", "100"))

    def effective(self):
        return dict(vars(self))


def connect():
    wait_until = time.monotonic() + 20
    while True:
        try:
            return psycopg2.connect(
                host=os.environ.get("SPECIMEN_DB_HOST", "db"),
                dbname="specimen",
                user="specimen",
                password=os.environ.get("SPECIMEN_DB_PASSWORD", ""),
            )
        except psycopg2.OperationalError:
            if time.monotonic() > wait_until:
                raise
            time.sleep(0.1)


class Pool:
    """Four connections, shared by the threads of a process."""

    def __init__(self, size=4):
        self.free = queue.LifoQueue()
        for _ in range(size):
            self.free.put(None)

    @contextmanager
    def cursor(self):
        connection = self.free.get(timeout=30)
        try:
            if connection is None or connection.closed:
                connection = connect()
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            self.free.put(connection)
