"""The data of the backup: always the same."""

import hashlib
import json
import os
import random
import subprocess
from datetime import date, datetime, timedelta, timezone

from psycopg2.extras import execute_values

from . import base, records

FILES = "/srv/files"
WORDS = "bowl jar coin brooch amulet spear lamp vase ring mask seal dagger flute idol tile chain".split()
KINDS = "bronze clay silver bone glass iron amber stone".split()
TAGS = (
    "bronze|bronze age|roman|roman copy|greek|gift|loaned before|needs cleaning|photographed|fragile|heavy|signed|restored|"
    "replica|export permit|insured|unique|pair|fragment|inscribed"
).split("|")
# Also known to product.yaml.
TOKENS = {"admin": "a" * 32, "viewer": "b" * 32}
LONG = "Found in the second layer beside the wall, cleaned in the same year and drawn for the catalogue. "


def seed():
    pick = random.Random(1)
    connection = base.connect()
    with connection, connection.cursor() as cursor:
        rows(cursor, pick)
        files(cursor, pick)
        repository(cursor, "catalogue", 12)
        repository(cursor, "inbox", 5)
        records.seed(cursor)
    for name in ("drawings", "letters", "maps", "plans"):
        pushed_only(name)
    return 0


def rows(cursor, pick):
    day = lambda low, high: date(low, 1, 1) + timedelta(days=pick.randrange(365 * (high - low)))
    moment = lambda low, high: datetime.combine(day(low, high), datetime.min.time()) + timedelta(seconds=pick.randrange(86400))
    people = [("ada", "Ada Archer", "admin"), ("vera", "Vera Vance", "viewer")]
    people += [(f"user{n:02}", f"User {n}", "viewer") for n in range(3, 13)]
    users = []
    for number, (login, name, role) in enumerate(people):
        token = TOKENS.get(role, "") if number < 2 else f"token-{login}"
        digest = hashlib.sha256(token.encode()).hexdigest()
        users.append((login, name, role, digest.upper() if number % 2 else digest))
    execute_values(cursor, "insert into users (login, name, role, token_digest) values %s", users)
    collections = [(f"Hall {n}", n % 3, n % 12 + 1) for n in range(8)]
    execute_values(cursor, "insert into collections (name, visibility, owner_id) values %s", collections)
    items = []
    for n in range(600):
        created = moment(2012, 2024)
        deleted = created + timedelta(days=200) if n % 50 == 7 else None
        note = None if n % 4 == 0 else (LONG * (3 if n % 97 == 5 else 1))[: 380 if n % 97 == 5 else 40 + n % 50]
        title = f"{pick.choice(KINDS).capitalize()} {pick.choice(WORDS)} {n}"
        weight = None if n % 9 == 3 else 0 if n % 83 == 1 else pick.randrange(5, 20000)
        items.append((n % 8 + 1, f"SP-{n:05}", title, n * 7 % 4, weight, day(1880, 2020), created, created, deleted, note))
    execute_values(
        cursor,
        """insert into items (collection_id, code, title, state, weight, found_on, created_at, updated_at, deleted_at, note)
           values %s""",
        items,
    )
    execute_values(cursor, "insert into tags (name) values %s", [(tag,) for tag in TAGS])
    links = sorted({(pick.randrange(600) + 1, pick.randrange(20) + 1) for _ in range(1300)})
    execute_values(cursor, "insert into item_tags values %s", links)
    kinds = ["moved", "seen", "cleaned", "photographed"]
    events = [(n % 600 + 1, moment(2020, 2024).replace(tzinfo=timezone.utc), kinds[n % 4], None) for n in range(15000)]
    execute_values(cursor, "insert into events (item_id, at, kind, detail) values %s", events, page_size=5000)
    loans = []
    for n in range(300):
        since = day(2015, 2023)
        until = None if n % 5 == 0 else since + timedelta(days=60)
        loans.append((n * 2 + 1, f"Museum {n % 17}", since, until, pick.randrange(0, 90000) / 100))
    execute_values(cursor, "insert into loans (item_id, borrower, since, until, fee) values %s", loans)
    then = datetime(2024, 5, 1, tzinfo=timezone.utc)
    done = [("count-tags", "{}", "done", then + timedelta(hours=n), None, then + timedelta(hours=n)) for n in range(40)]
    far = datetime(2099, 1, 1, tzinfo=timezone.utc)
    waits = [("remind", json.dumps({"item": n * 11 + 1}), "queued", then, far, None) for n in range(6)]
    execute_values(cursor, "insert into jobs (kind, payload, state, queued_at, run_at, done_at) values %s", done + waits)
    cursor.execute("insert into workers values ('worker', %s, '1.0.0')", (then,))
    settings = [("title", "Museum of specimens"), ("currency", "EUR"), ("loan-days", "60"), ("contact", None)]
    execute_values(cursor, "insert into settings values %s", settings)


def files(cursor, pick):
    os.makedirs(FILES, exist_ok=True)
    for n in range(30):
        if n % 3 == 0:
            name, content = f"label {n}.txt", f"Label of item {n}\r\nsecond line\r\n".encode()
        elif n == 7:
            name, content = "keeper's drawing 7.png", bytes(pick.randrange(256) for _ in range(900))
        else:
            name, content = f"photo-{n}.jpg", bytes(pick.randrange(256) for _ in range(600 + n))
        with open(os.path.join(FILES, name), "wb") as file:
            file.write(content)
        cursor.execute(
            "insert into attachments (item_id, filename, bytes, sha256, disk_path) values (%s, %s, %s, %s, %s)",
            (n * 13 + 1, name, len(content), hashlib.sha256(content).hexdigest(), name),
        )


def repository(cursor, name, commits):
    bare = f"/srv/git/{name}.git"
    work = f"/tmp/{name}"
    env = dict(os.environ, HOME="/tmp")
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "Ada Archer", f"GIT_{who}_EMAIL": "ada@example.invalid"}
    run = lambda *words, cwd=None, **more: subprocess.run(["git", *words], cwd=cwd, env=env | more, check=True, capture_output=True)
    run("init", "--quiet", "--bare", "--template=", "--initial-branch=main", bare)
    run("clone", "--quiet", bare, work)
    run("checkout", "--quiet", "-b", "main", cwd=work)
    for n in range(commits):
        with open(f"{work}/{name}.md", "a", encoding="utf-8") as file:
            file.write(f"Entry {n}\n")
        when = f"2023-01-{n + 1:02}T10:00:00Z"
        run("add", ".", cwd=work)
        run("commit", "--quiet", "-m", f"Entry {n} of {name}", cwd=work, GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)
    run("push", "--quiet", "origin", "main", cwd=work)
    if cursor is None:
        return bare, run
    cursor.execute(
        "insert into repositories (name, url, status) values (%s, %s, 'in-sync') returning id", (name, bare)
    )
    (id,) = cursor.fetchone()
    from . import repositories

    repositories.sync(cursor, id)


def pushed_only(name):
    """A repository that people push to, and that is synced by nobody: with a branch more, a tag, a hook and settings."""
    bare, run = repository(None, name, 4)
    run("branch", "draft", "main~2", cwd=bare)
    run("tag", "v1", "main~1", cwd=bare)
    run("config", "receive.denyNonFastForwards", "true", cwd=bare)
    os.makedirs(f"{bare}/hooks", exist_ok=True)
    with open(f"{bare}/hooks/post-receive", "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec logger -t museum pushed\n")
    os.chmod(f"{bare}/hooks/post-receive", 0o755)
