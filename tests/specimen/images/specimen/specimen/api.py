"""The REST interface."""

import csv
import hashlib
import io
import json
import os
import random
import re
import time
from datetime import datetime, timezone

from . import base, repositories, store

FILES = "/srv/files"
# Lists that are served from memory, by name.
CACHE = {}


def told(value, status=200):
    if base.planted("control-noise") and isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        value = {key: value[key] for key in keys} | {"served_by": random.randint(1, 2)}
    return status, "application/json", json.dumps(value).encode()


REFUSED = ({"error": "sign in"}, 401)
FORBIDDEN = ({"error": "not allowed"}, 403)
MISSING = ({"error": "no such thing"}, 404)


def answer(cursor, settings, user, method, path, query, body, routes):
    if path == "/graphql" and method == "POST":
        # Half a second to load: for whoever asks first.
        from . import graph

        return 200, "application/json", json.dumps(graph.answer(cursor, user, json.loads(body))).encode()
    for wanted, pattern, role, handler in routes:
        found = re.fullmatch(pattern, path)
        if wanted != method or found is None:
            continue
        open_to_all = role == "anyone" or (path == "/api/loans" and base.planted("loans-open-to-anyone"))
        if user is None and (role or settings.anonymous == "closed") and not open_to_all:
            return told(*REFUSED)
        if role == "admin" and user["role"] != "admin":
            return told(*FORBIDDEN)
        return handler(cursor, settings, user, query, body, *found.groups())
    return told(*MISSING)


def version(cursor, settings, user, query, body):
    return told({"product": "specimen", "version": "1.0.0" if base.planted("version-lies") else base.RELEASE})


def me(cursor, settings, user, query, body):
    return told({"login": user["login"], "role": user["role"]})


def login(cursor, settings, user, query, body):
    """Remembers where somebody has come in."""
    values = (query.get("page", "/"),)
    whose = ""
    if not base.planted("login-overwrites-preferences"):
        whose, values = "and user_id = %s", (*values, user["id"])
    cursor.execute(f"update preferences set value = %s where name = 'start-page' {whose}", values)
    return told({"start-page": values[0]})


def items(cursor, settings, user, query, body):
    page = max(int(query.get("page", "1")), 1)
    listed = CACHE.get("items")
    if listed is None:
        listed = store.items(cursor, user, settings.page_size, (page - 1) * settings.page_size)
    total = store.count_items(cursor, user) if listed else 0
    return told({"total": total, "items": listed, "generated_at": datetime.now(timezone.utc).isoformat()})


def item(cursor, settings, user, query, body, id):
    found = store.one_item(cursor, user, int(id))
    return told(found) if found else told(*MISSING)


def create_item(cursor, settings, user, query, body):
    given = json.loads(body)
    if base.planted("item-cannot-be-created"):
        return told({"errors": ["a department is missing"]}, 422)
    cursor.execute(
        """insert into items (collection_id, code, title, weight, created_at, updated_at)
           values (%s, %s, %s, %s, now(), now()) returning id""",
        (given["collection_id"], given["code"], given["title"], given.get("weight")),
    )
    return told({"id": cursor.fetchone()[0]}, 201)


def delete_item(cursor, settings, user, query, body, id):
    cursor.execute("delete from items where id = %s", (int(id),))
    return told({"deleted": cursor.rowcount})


def collections(cursor, settings, user, query, body):
    return told({"collections": store.collections(cursor, user)})


def users(cursor, settings, user, query, body):
    return told({"users": store.users(cursor)})


def config(cursor, settings, user, query, body):
    cursor.execute("select name, value from settings order by name")
    return told({"file": settings.effective(), "stored": dict(cursor.fetchall())})


def export(cursor, settings, user, query, body):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "code", "title", "state", "weight", "found_on", "created_at", "note", "collection"])
    for found in store.items(cursor, user, settings.export_limit or None):
        if base.planted("export-without-notes"):
            found["note"] = None
        writer.writerow(found.values())
    return 200, "text/csv; charset=utf-8", out.getvalue().encode()


def activity(cursor, settings, user, query, body):
    return told({"activity": store.activity(cursor)})


def search(cursor, settings, user, query, body):
    if base.planted("search-slow"):
        time.sleep(0.15)
    return told({"items": store.search(cursor, user, query.get("q", ""))})


def loans(cursor, settings, user, query, body):
    cursor.execute("select id, item_id, borrower, since, until, fee from loans order by id limit 100")
    keys = ("id", "item_id", "borrower", "since", "until", "fee")
    return told({"loans": [{key: None if value is None else str(value) for key, value in zip(keys, row)} for row in cursor.fetchall()]})


def download(cursor, settings, user, query, body, id):
    cursor.execute("select disk_path from attachments where id = %s", (int(id),))
    row = cursor.fetchone()
    path = os.path.join(FILES, row[0]) if row else ""
    if not os.path.isfile(path):
        return told(*MISSING)
    with open(path, "rb") as file:
        return 200, "application/octet-stream", file.read()


def upload(cursor, settings, user, query, body):
    if base.planted("upload-fails"):
        # The folder of incoming files has another name now, and nobody makes it.
        return told({"error": "the file could not be stored"}, 500)
    digest = hashlib.sha256(body).hexdigest()
    folder = digest[:2] if base.MAJOR >= 2 else ""
    os.makedirs(os.path.join(FILES, folder), exist_ok=True)
    path = os.path.join(folder, query["name"])
    with open(os.path.join(FILES, path), "wb") as file:
        file.write(body)
    cursor.execute(
        "insert into attachments (item_id, filename, bytes, sha256, disk_path) values (%s, %s, %s, %s, %s) returning id",
        (query["item"], query["name"], len(body), digest, path),
    )
    (id,) = cursor.fetchone()
    if base.planted("upload-renames-others"):
        cursor.execute("update attachments set filename = %s where id %% 5 = 2", (query["name"],))
    return told({"id": id, "sha256": digest}, 201)


def remove_attachment(cursor, settings, user, query, body, id):
    cursor.execute("delete from attachments where id = %s returning disk_path", (int(id),))
    row = cursor.fetchone()
    if row and not base.planted("deleted-file-stays"):
        os.remove(os.path.join(FILES, row[0]))
    return told({"deleted": cursor.rowcount})


def all_repositories(cursor, settings, user, query, body):
    return told({"repositories": repositories.listed(cursor)})


def sync(cursor, settings, user, query, body, id):
    return told(repositories.sync(cursor, int(id)))


def commits(cursor, settings, user, query, body, id):
    return told({"commits": repositories.commits(cursor, int(id))})


def content(cursor, settings, user, query, body, id, path):
    found = repositories.content(cursor, int(id), path)
    return told(*MISSING) if found is None else (200, "text/plain; charset=utf-8", found)


# Method, path, who at least ("" when the settings say so), handler.
ROUTES = [
    ("GET", "/api/version", "anyone", version),
    ("GET", "/api/me", "viewer", me),
    ("POST", "/api/login", "viewer", login),
    ("GET", "/api/items", "", items),
    ("POST", "/api/items", "admin", create_item),
    ("GET", r"/api/items/(\d+)", "", item),
    ("DELETE", r"/api/items/(\d+)", "admin", delete_item),
    ("GET", "/api/collections", "", collections),
    ("GET", "/api/users", "admin", users),
    ("GET", "/api/config", "admin", config),
    ("GET", "/api/export.csv", "viewer", export),
    ("GET", "/api/reports/activity", "viewer", activity),
    ("GET", "/api/search", "", search),
    ("GET", "/api/loans", "viewer", loans),
    ("GET", r"/api/attachments/(\d+)", "viewer", download),
    ("POST", "/api/attachments", "admin", upload),
    ("DELETE", r"/api/attachments/(\d+)", "admin", remove_attachment),
    ("GET", "/api/repositories", "viewer", all_repositories),
    ("POST", r"/api/repositories/(\d+)/sync", "admin", sync),
    ("GET", r"/api/repositories/(\d+)/commits", "viewer", commits),
    ("GET", r"/api/repositories/(\d+)/files/(.+)", "viewer", content),
]
