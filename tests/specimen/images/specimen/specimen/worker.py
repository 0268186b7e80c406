"""The worker: takes jobs in batches, and says that it lives by a heartbeat."""

import json
import signal
import threading
import time

from . import base

stopping = threading.Event()
BEAT = 0.25


def beat(connection):
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """insert into workers values ('worker', now(), %s)
               on conflict (name) do update set heartbeat_at = now(), release = excluded.release""",
            (base.RELEASE,),
        )


def backfill_search(cursor, settings):
    """One batch; whether there may be more."""
    cursor.execute("select max(id) from items where search_text is not null")
    done = cursor.fetchone()[0] or 0
    if base.planted("background-stalls") and done >= 350:
        return True
    cursor.execute(
        """update items set search_text = lower(title || ' ' || code) where id in
           (select id from items where search_text is null order by id limit %s)""",
        (settings.batch,),
    )
    return cursor.rowcount > 0


def count_tags(cursor, _):
    cursor.execute("select tag_id, count(*) from item_tags group by tag_id")
    base.log("INFO", "worker", f"{len(cursor.fetchall())} tags counted")
    return False


def echo(cursor, _):
    return False


KINDS = {"backfill-search": backfill_search, "count-tags": count_tags, "echo": echo, "remind": echo}


def read_payload(text):
    """Which item a reminder is about; the key has had two names."""
    payload = json.loads(text)
    if base.planted("payload-unreadable"):
        return payload["item_id"]
    return payload.get("item_id", payload.get("item"))


def take_over(connection):
    """Jobs that wait for their day are looked at once when a worker starts."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select id, payload from jobs where state = 'queued' and kind = 'remind' order by id")
        for id, payload in cursor.fetchall():
            try:
                read_payload(payload)
            except KeyError:
                base.log("WARNING", "worker", f"job {id} was left out: its payload has another version")
                cursor.execute("update jobs set state = 'skipped', done_at = now() where id = %s", (id,))


def step(connection, settings):
    """One batch of one job; whether there was one."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """select id, kind from jobs where state in ('queued', 'running') and (run_at is null or run_at <= now())
               order by id limit 1 for update skip locked"""
        )
        row = cursor.fetchone()
        if row is None:
            return False
        more = KINDS[row[1]](cursor, settings)
        cursor.execute(
            "update jobs set state = %s, attempts = attempts + 1, done_at = case when %s then null else now() end where id = %s",
            ("running" if more else "done", more, row[0]),
        )
        if not more:
            base.log("INFO", "worker", f"job {row[0]} {row[1]} is done")
        return not more or not base.planted("background-stalls")


def loop():
    connection = base.connect()
    settings = base.Settings()
    take_over(connection)
    beaten = 0.0
    worked = 0
    while not stopping.is_set():
        if time.monotonic() - beaten > BEAT:
            beat(connection)
            beaten = time.monotonic()
        if step(connection, settings):
            worked += 1
            continue
        if base.planted("worker-dead") and worked:
            return
        stopping.wait(0.1)


def work():
    if base.planted("worker-slow-start"):
        time.sleep(5.5)
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    base.log("INFO", "worker", f"release {base.RELEASE} works")
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    stopping.wait()
    thread.join(5)
    base.log("INFO", "worker", "stopped")
    return 0


def enqueue_and_wait(kind, seconds):
    """Puts a job into the queue and waits until it is done; takes it away again."""
    connection = base.connect()
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("insert into jobs (kind, state, queued_at) values (%s, 'queued', now()) returning id", (kind,))
    (id,) = cursor.fetchone()
    until = time.monotonic() + seconds
    state = "queued"
    while time.monotonic() < until and state != "done":
        time.sleep(0.05)
        cursor.execute("select state from jobs where id = %s", (id,))
        (state,) = cursor.fetchone()
    cursor.execute("delete from jobs where id = %s", (id,))
    print(state)
    return 0 if state == "done" else 1
