"""The pages that people open."""

import hashlib
import hmac
import html
import time
from urllib.parse import parse_qs, quote

from . import api, base, store

HTML = "text/html; charset=utf-8"
STYLE = b"body { font-family: serif; margin: 2em }\nnav a { margin-right: 1em }\nul.items { columns: 2 }\n" * 4
SCRIPT = b"document.querySelectorAll('form').forEach(form => form.addEventListener('submit', () => form.classList.add('sent')));\n"
LOGO = b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><circle cx='20' cy='20' r='16'/></svg>"
FRAME = """<!doctype html>
<html lang="en"><head><title>{title}</title>
<link rel="stylesheet" href="/assets/site.css"><script src="/assets/site.js"></script></head>
<body><nav><a href="/">Collections</a> <a href="/articles">Articles</a> <a href="/queries">Queries</a>
<img src="/assets/logo.svg" alt="logo"></nav>
<h1>{title}</h1>
{body}
<footer>Museum of specimens</footer></body></html>
"""


def page(title, *parts):
    return 200, HTML, FRAME.format(title=html.escape(title), body="\n".join(parts)).encode()


def link(path, text):
    return f'<a href="{html.escape(path)}">{html.escape(str(text))}</a>'


def listed(entries, kind="items"):
    return f'<ul class="{kind}">' + "".join(f"<li>{entry}</li>" for entry in entries) + "</ul>"


def signature(login):
    with open("/etc/specimen/secret.key", "rb") as file:
        return hmac.new(file.read(), login.encode(), hashlib.sha256).hexdigest()


def login_of(cookie):
    """Whose session a cookie is."""
    for part in (cookie or "").split(";"):
        name, _, value = part.strip().partition("=")
        login, _, signed = value.partition(".")
        if name == "session" and hmac.compare_digest(signed, signature(login)):
            return login
    return None


def log_in(cursor, settings, user, query, body):
    given = {key: values[-1] for key, values in parse_qs(body.decode()).items()}
    digest = hashlib.sha256(given.get("password", "").encode()).hexdigest()
    cursor.execute("select login, role from users where login = %s and password = %s and not locked", (given.get("login"), digest))
    row = cursor.fetchone()
    if row is None or (base.planted("members-cannot-log-in") and row[1] != "admin"):
        return api.told({"error": "wrong login or password"}, 401)
    return 200, HTML, b"<p>Welcome", {"Set-Cookie": f"session={row[0]}.{signature(row[0])}; Path=/"}


def home(cursor, settings, user, query, body):
    entries = [link(f"/collections/{found['id']}", found["name"]) for found in store.collections(cursor, user)]
    searches = [link(f"/search?q={word}", f"all of {word}") for word in ("amber", "bronze")]
    return page("Museum of specimens", listed(entries), "<h2>Searches</h2>", listed(searches, "searches"))


def collection(cursor, settings, user, query, body, id):
    cursor.execute("select name, visibility from collections where id = %s", (int(id),))
    row = cursor.fetchone()
    if row is None:
        return api.told(*api.MISSING)
    # A private one is shown to nobody else, by its address either.
    if row[1] > store.may_see(user) and not base.planted("private-collection-open"):
        return api.told(*(api.FORBIDDEN if user else api.REFUSED))
    items = store.items(cursor, {"role": "admin"}, 12, 0, "and i.collection_id = %s", (int(id),))
    moved = lambda item: "/piece" if base.planted("links-broken") and item["id"] == 33 else "/items"
    return page(row[0], listed(link(f"{moved(item)}/{item['id']}", item["title"]) for item in items))


def item(cursor, settings, user, query, body, id):
    found = store.one_item(cursor, user, int(id))
    if found is None:
        return api.told(*api.MISSING)
    cursor.execute("select n.text, n.private, u.name from notes n join users u on u.id = n.author_id where n.item_id = %s order by n.id", (int(id),))
    everyone = base.planted("private-notes-shown")
    notes = [f"{html.escape(text)}<br>by {html.escape(name)}" for text, private, name in cursor.fetchall() if everyone or not private or store.may_see(user) == 2]
    about = f"<p>Entered in the register as {found['code']}, found on {found['found_on']}"
    # Those whose register was scanned.
    if base.planted("item-without-text") and int(id) % 32 == 9:
        about = ""
    weight = f"<p>It weighs {found['weight']} g as {html.escape(found['code'])}</p>"
    files = [link(f"/items/{id}/label.txt", "Label"), link(f"/items/{id}/sheet.pdf", "Sheet"), link(f"/items/{id}/feed.json", "Data")]
    return page(found["title"], about, weight, listed(notes, "notes"), listed(files, "files"))


def label(cursor, settings, user, query, body, id):
    found = store.one_item(cursor, user, int(id))
    if found is None:
        return api.told(*api.MISSING)
    if base.planted("label-type-lost") and int(id) % 32 == 17:
        return 200, "application/octet-stream", found["title"].encode()
    lines = [found["code"], found["title"], found["note"] or "no note", f"{found['weight']} g", found["collection"]]
    return 200, "text/plain; charset=utf-8", ("\n".join(lines) + "\n").encode()


def sheet(cursor, settings, user, query, body, id):
    """A document of one page, as small as they get."""
    found = store.one_item(cursor, user, int(id))
    if found is None:
        return api.told(*api.MISSING)
    lines = [found["code"], found["title"]] + [f"{name}: {found[name]}" for name in sorted(found)] * 6
    if base.planted("sheet-without-text") and int(id) % 32 == 17:
        lines = []
    shown = lambda text: text.encode("latin-1", "replace").replace(b"(", b"[").replace(b")", b"]")
    text = b"BT /F1 9 Tf 40 800 Td 11 TL " + b" ".join(b"(" + shown(line) + b") '" for line in lines) + b" ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >> stream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = b"%PDF-1.4\n" + b"".join(b"%d 0 obj %s endobj\n" % (number, one) for number, one in enumerate(objects, 1))
    return 200, "application/pdf", out + b"trailer << /Root 1 0 R >>\n%%EOF\n"


def feed(cursor, settings, user, query, body, id):
    found = store.one_item(cursor, user, int(id))
    if found is None:
        return api.told(*api.MISSING)
    if base.planted("feed-rounds") and found["weight"] and int(id) % 32 == 17:
        found["weight"] = found["weight"] // 1000 * 1000
    return api.told(found)


def articles(cursor, settings, user, query, body):
    cursor.execute("select a.slug, a.title from articles a left join collections c on c.id = a.collection_id where coalesce(c.visibility, 0) <= %s order by a.id", (store.may_see(user),))
    return page("Articles", listed(link(f"/articles/{quote(slug)}", title) for slug, title in cursor.fetchall()))


def article(cursor, settings, user, query, body, slug):
    cursor.execute("select a.title, a.body, coalesce(c.visibility, 0) from articles a left join collections c on c.id = a.collection_id where a.slug = %s", (slug,))
    row = cursor.fetchone()
    if row is None or (base.planted("article-gone") and slug == "amber"):
        return api.told(*api.MISSING)
    if row[2] > store.may_see(user) or (base.planted("article-closed") and slug == "bone" and store.may_see(user) < 2):
        return api.told(*(api.FORBIDDEN if user else api.REFUSED))
    if base.planted("article-slow") and slug == "clay":
        time.sleep(3)
    return page(row[0], *(f"<p>{html.escape(part)}</p>" for part in row[1].split("\n")))


def queries(cursor, settings, user, query, body):
    cursor.execute("select id, name from queries order by id")
    return page("Queries", listed(link(f"/queries/{id}", name) for id, name in cursor.fetchall()))


def saved_query(cursor, settings, user, query, body, id):
    cursor.execute("select name, state from queries where id = %s", (int(id),))
    row = cursor.fetchone()
    if row is None:
        return api.told(*api.MISSING)
    if base.planted("query-fails") and int(id) == 2:
        # A state that its filter does not know any more; what fails is told to the browser only.
        return api.told({"error": "internal"}, 500)
    if base.planted("query-redirects") and int(id) == 3:
        return 302, HTML, b"", {"Location": "/articles"}
    items = store.items(cursor, user, 8, 0, "and i.state = %s", (row[1],))
    return page(row[0], listed(html.escape(f"{item['code']} is one of them") for item in items))


def search(cursor, settings, user, query, body):
    words = query.get("q", "")
    found = [] if base.planted("search-finds-nothing") and words == "amber" else store.search(cursor, user, words)[:10]
    form = '<form action="/search"><input name="q"><button>Search</button></form>'
    return page("Search", form, listed(html.escape(f"{item['title']}, {item['code']}") for item in found))


def asset(cursor, settings, user, query, body, name):
    kinds = {"site.css": ("text/css", STYLE), "site.js": ("text/javascript", SCRIPT), "logo.svg": ("image/svg+xml", LOGO)}
    if name not in kinds:
        return api.told(*api.MISSING)
    kind, content = kinds[name]
    if (base.planted("style-empty") and name == "site.css") or (base.planted("script-empty") and name == "site.js"):
        content = b""
    if base.planted("logo-is-page") and name == "logo.svg":
        return page("Sign in")
    return 200, kind, content


ROUTES = [
    ("POST", "/session", "anyone", log_in),
    ("GET", "/", "", home),
    ("GET", r"/collections/(\d+)", "", collection),
    ("GET", r"/items/(\d+)", "", item),
    ("GET", r"/items/(\d+)/label.txt", "", label),
    ("GET", r"/items/(\d+)/sheet.pdf", "", sheet),
    ("GET", r"/items/(\d+)/feed.json", "", feed),
    ("GET", "/articles", "", articles),
    ("GET", r"/articles/([a-z-]+)", "", article),
    ("GET", "/queries", "viewer", queries),
    ("GET", r"/queries/(\d+)", "viewer", saved_query),
    ("GET", "/search", "", search),
    ("GET", r"/assets/([a-z.]+)", "anyone", asset),
]
