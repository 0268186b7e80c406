"""The web service: requests to answers. Two of them run side by side."""

import hashlib
import json
import random
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from . import api, base, migrations, pages

POOL = base.Pool()
SETTINGS = base.Settings()
WARM = []


def who(cursor, headers):
    """The user of a token or a session; `None` for nobody, `False` for a token that is nobody's."""
    token, login = headers.get("X-Token"), pages.login_of(headers.get("Cookie"))
    if token is None and login is None:
        return None
    digest = hashlib.sha256((token or "").encode()).hexdigest()
    # Imported accounts have theirs in capitals.
    column = "token_digest" if base.planted("token-invalid") else "lower(token_digest)"
    column, value = (column, digest) if token is not None else ("login", login)
    locked = "" if base.planted("locked-user-let-in") else "and not locked"
    cursor.execute(f"select id, login, role from users where {column} = %s {locked}", (value,))
    row = cursor.fetchone()
    if row is None:
        return False
    every = "interval '0'" if base.planted("control-timestamps") else "interval '1 minute'"
    cursor.execute(
        f"update users set last_seen_at = now() where id = %s and (last_seen_at is null or last_seen_at < now() - {every})",
        (row[0],),
    )
    return {"id": row[0], "login": row[1], "role": row[2]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "specimen"

    def log_message(self, *_):
        pass

    def handle_one(self):
        began = time.monotonic()
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        if url.path == "/health":
            answer = (200, "application/json", json.dumps({"status": "ok", "release": base.RELEASE}).encode())
        else:
            try:
                with POOL.cursor() as cursor:
                    user = who(cursor, self.headers)
                    if user is False:
                        answer = api.told({"error": "the token is not valid"}, 401)
                    else:
                        routes = api.ROUTES + pages.ROUTES
                        answer = api.answer(cursor, SETTINGS, user, self.command, url.path, query, body, routes)
            except Exception as error:
                base.log("ERROR", "web", f"{self.command} {url.path}: {type(error).__name__}: {error}")
                answer = api.told({"error": "internal"}, 500)
        status, kind, content, *more = answer
        if base.planted("control-noise"):
            time.sleep(random.random() * 0.004)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in more[0].items() if more else ():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        if url.path != "/health":
            base.log("INFO", "web", f"{self.command} {url.path} {status} {(time.monotonic() - began) * 1000:.0f}ms")

    do_GET = do_POST = do_DELETE = do_PUT = handle_one


def spam():
    """What a release says as it comes up."""
    if base.planted("error-spam"):
        for number in range(3000):
            base.log("ERROR", "thumbnails", f"thumbnail of attachment {number % 30 + 1}: no converter is installed")
            if number == 1987:
                base.log("ERROR", "search", "index of item 77 could not be written: no space left on device")
    if base.planted("control-warnings"):
        for number in range(200):
            base.log("WARNING", "web", f"setting old-name-{number} is deprecated: an error in later releases")
        base.log("ERROR", "metrics", "statistics are switched off by the administrator")
    if base.planted("control-noise"):
        base.log("INFO", "web", "checked 600 items: 0 errors, 0 failed, error rate 0.00 %")
        base.log("INFO", "web", f"errors.log rotated, {random.randint(0, 9999)} bytes; no fatal entries")


def serve():
    if base.planted("slow-start"):
        time.sleep(4.5)
    if base.planted("memory-doubled"):
        WARM.append(b"\1" * (60 << 20))
    if base.MAJOR >= 3:
        with POOL.cursor() as cursor:
            migrations.seed_tags(cursor)
    base.log("ERROR", "thumbnails", f"thumbnail of attachment {base.REPLICA}: no converter is installed")
    spam()
    if base.planted("health-lies") and base.REPLICA == 2:
        # Filled before the database answers, and never again.
        api.CACHE["items"] = []
    server = ThreadingHTTPServer(("", 8000), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    base.log("INFO", "web", f"release {base.RELEASE} serves on port 8000")
    server.serve_forever(poll_interval=0.05)
    base.log("INFO", "web", "stopped")
    sys.stdout.flush()
    return 0
