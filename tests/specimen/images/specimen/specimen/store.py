"""Questions to the database, shared by REST and GraphQL."""

from datetime import timezone

from . import base

UTC = timezone.utc
STATES = ["draft", "active", "loaned", "retired"]
if base.planted("enum-reordered"):
    STATES = ["draft", "active", "retired", "loaned"]

_ITEM = "i.id, i.code, i.title, i.state, i.weight, i.found_on, i.created_at, i.note, c.name, c.visibility"
_FROM = "from items i join collections c on c.id = i.collection_id"


def may_see(user):
    """The highest visibility an identity sees: public, internal, private."""
    return {"admin": 2, "viewer": 1}.get(user["role"] if user else None, 0)


def item(row):
    id, code, title, state, weight, found_on, created_at, note, collection, _ = row
    # Without a zone up to 2.0, in UTC.
    created = created_at.replace(tzinfo=UTC) if created_at.tzinfo is None else created_at.astimezone(UTC)
    return {
        "id": id,
        "code": code,
        "title": title,
        "state": STATES[state],
        "weight": weight,
        "found_on": found_on.isoformat() if found_on else None,
        "created_at": created.isoformat(),
        "note": note,
        "collection": collection,
    }


def items(cursor, user, limit, offset=0, where="", values=()):
    cursor.execute(
        f"select {_ITEM} {_FROM} where i.deleted_at is null and c.visibility <= %s {where} order by i.id limit %s offset %s",
        (may_see(user), *values, limit, offset),
    )
    return [item(row) for row in cursor.fetchall()]


def one_item(cursor, user, id):
    found = items(cursor, user, 1, 0, "and i.id = %s", (id,))
    return found[0] if found else None


def count_items(cursor, user):
    cursor.execute(f"select count(*) {_FROM} where i.deleted_at is null and c.visibility <= %s", (may_see(user),))
    return cursor.fetchone()[0]


def collections(cursor, user):
    cursor.execute(
        """select c.id, c.name, c.visibility, u.login from collections c join users u on u.id = c.owner_id
           where c.visibility <= %s order by c.id""",
        (may_see(user),),
    )
    return [{"id": id, "name": name, "visibility": v, "owner": owner} for id, name, v, owner in cursor.fetchall()]


def users(cursor):
    cursor.execute("select id, login, name, role, last_seen_at from users order by id")
    return [
        {"id": id, "login": login, "name": name, "role": role, "last_seen_at": seen.isoformat() if seen else None}
        for id, login, name, role, seen in cursor.fetchall()
    ]


def activity(cursor):
    """The last event of every item."""
    item_id = "e.item_id::text = i.id::text" if base.planted("query-plan-lost") else "e.item_id = i.id"
    cursor.execute(
        f"""select i.code, last.at, last.kind from items i
            left join lateral (select e.at, e.kind from events e where {item_id} order by e.at desc limit 1) last on true
            where i.deleted_at is null order by i.id"""
    )
    return [{"code": code, "at": at.astimezone(UTC).isoformat() if at else None, "kind": kind} for code, at, kind in cursor.fetchall()]


def search(cursor, user, text):
    column = "i.search_text" if base.MAJOR >= 2 else "lower(i.title)"
    return items(cursor, user, 50, 0, f"and {column} like %s", (f"%{text.lower()}%",))
