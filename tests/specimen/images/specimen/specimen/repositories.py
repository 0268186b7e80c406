"""Repositories: read from their own server's folder into a copy here, and their commits into the database."""

import os
import subprocess
from datetime import datetime, timezone

from . import base

COPIES = "/srv/repositories"


def git(*arguments, cwd=None):
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def listed(cursor):
    cursor.execute("select id, name, url, head, status from repositories order by id")
    return [{"id": i, "name": n, "url": u, "head": h, "status": s} for i, n, u, h, s in cursor.fetchall()]


def copy_of(name):
    return os.path.join(COPIES, name + ".git")


def sync(cursor, id):
    """Fetches, and takes in the commits that are new."""
    cursor.execute("select name, url from repositories where id = %s", (id,))
    name, url = cursor.fetchone()
    folder = copy_of(name)
    if not os.path.isdir(folder):
        git("clone", "--quiet", "--mirror", "--no-hardlinks", "--template=", url, folder)
    fetch = ["fetch", "--quiet", "--prune", "origin"]
    if base.planted("git-sync-lies"):
        # Since the release that tries first whether the server answers.
        fetch.insert(1, "--dry-run")
    git(*fetch, cwd=folder)
    lines = git("log", "--format=%H%x09%ct%x09%s", "main", cwd=folder).splitlines()
    new = 0
    for line in lines:
        sha, at, subject = line.split("\t", 2)
        cursor.execute(
            "insert into commits values (%s, %s, %s, %s) on conflict do nothing",
            (id, sha, subject, datetime.fromtimestamp(int(at), timezone.utc)),
        )
        new += cursor.rowcount
    head = lines[0].split("\t")[0]
    cursor.execute("update repositories set head = %s, synced_at = now(), status = 'in-sync' where id = %s", (head, id))
    return {"status": "success", "head": head}


def commits(cursor, id):
    cursor.execute(
        "select sha, subject, committed_at from commits where repository_id = %s order by committed_at desc, sha limit 100",
        (id,),
    )
    return [{"sha": sha, "subject": text, "at": at.astimezone(timezone.utc).isoformat()} for sha, text, at in cursor.fetchall()]


def content(cursor, id, path):
    cursor.execute("select name from repositories where id = %s", (id,))
    row = cursor.fetchone()
    if row is None:
        return None
    done = subprocess.run(["git", "show", f"main:{path}"], cwd=copy_of(row[0]), capture_output=True, timeout=60, check=False)
    return done.stdout if done.returncode == 0 else None
