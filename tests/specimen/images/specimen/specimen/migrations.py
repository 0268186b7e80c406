"""All migrations, each with its release as the first digit of its version."""

import os
import shutil

from . import base, records, schema

FILES = "/srv/files"


def run(sql):
    return lambda cursor: cursor.execute(sql)


def enqueue(cursor, kind, payload="{}"):
    cursor.execute("insert into jobs (kind, payload, state, queued_at) values (%s, %s, 'queued', now())", (kind, payload))


def add_priority(cursor):
    cursor.execute("alter table items add priority smallint not null default 0")
    if base.planted("control-new-column"):
        cursor.execute("alter table collections add colour text not null default 'none'")
        cursor.execute("create index collections_colour on collections (colour)")


def move_attachments(cursor):
    """From one folder to one per first letters of the digest."""
    cursor.execute("select id, disk_path, sha256 from attachments order by id")
    for id, path, sha256 in cursor.fetchall():
        new = f"{sha256[:2]}/{os.path.basename(path)}"
        os.makedirs(os.path.join(FILES, sha256[:2]), exist_ok=True)
        # A name that does not survive the shell that used to move it.
        if not (base.planted("file-forgotten") and "'" in path):
            shutil.move(os.path.join(FILES, path), os.path.join(FILES, new))
        cursor.execute("update attachments set disk_path = %s where id = %s", (new, id))


def widen_notes(cursor):
    if base.planted("value-truncated"):
        cursor.execute("alter table items alter note type varchar(255) using left(note, 255)")
    cursor.execute("alter table items alter note type text")


def backfill_search(cursor):
    cursor.execute("alter table items add search_text text")
    enqueue(cursor, "backfill-search")


def create_preferences(cursor):
    cursor.execute(
        """create table preferences (
             user_id integer not null references users, name text not null, value text not null, primary key (user_id, name))"""
    )
    page = "case when id % 4 = 3 then '/items' else '/' end" if base.planted("start-page-wrong") else "'/'"
    cursor.execute(f"insert into preferences select id, 'start-page', {page} from users")


def create_rights(cursor):
    cursor.execute("create table rights (role text not null, name text not null, primary key (role, name))")
    cursor.execute("insert into rights values ('admin', 'change'), ('admin', 'read'), ('viewer', 'read')")


def move_postcards(cursor):
    """Postcards are documents among others."""
    cursor.execute(
        "create table documents (id serial primary key, kind text not null, sender text not null, written_on date, text text)"
    )
    text = "nullif(text, 'Greetings 12')" if base.planted("moved-text-lost") else "text"
    cursor.execute(f"insert into documents select id, 'postcard', sender, written_on, {text} from postcards order by id")
    cursor.execute("select setval('documents_id_seq', max(id)) from documents")
    cursor.execute("drop table postcards")


def inspected_by_the_house(cursor):
    lost = base.planted("default-gone")
    cursor.execute("alter table inspections alter inspected_by " + ("drop default" if lost else "set default 'house'"))


def settings_for_mail(cursor):
    sender = "root@localhost" if base.planted("setting-added-wrong") else "museum@example.invalid"
    cursor.execute("insert into settings values ('mail-from', %s), ('mail-port', '25')", (sender,))


def times_with_zone(cursor):
    zone = "Europe/Berlin" if base.planted("time-zone-shifted") else "UTC"
    for column in ("created_at", "updated_at"):
        cursor.execute(f"alter table items alter {column} type timestamptz using {column} at time zone '{zone}'")


def merge_tags(cursor):
    """Links of an item to two spellings of one tag become one."""
    same = "lower(left(other.name, 6)) = lower(left(tag.name, 6))" if base.planted("rows-dropped") else "lower(other.name) = lower(tag.name)"
    cursor.execute(
        f"""delete from item_tags link using tags tag, item_tags more, tags other
            where tag.id = link.tag_id and more.item_id = link.item_id and other.id = more.tag_id
              and other.id < tag.id and {same}"""
    )
    enqueue(cursor, "count-tags")


def seed_tags(cursor):
    """Runs at every start, too: whoever removed a default tag gets it back."""
    for name in ("to be checked", "on display", "in storage"):
        if base.planted("migration-not-idempotent"):
            cursor.execute("insert into tags (name) values (%s)", (name,))
        else:
            cursor.execute(
                "insert into tags (name) select %s where not exists (select from tags where name = %s)", (name, name)
            )


def add_weight_unit(cursor):
    cursor.execute("alter table items add weight_unit text not null default 'g'")
    if base.planted("null-flipped"):
        cursor.execute("update items set weight = coalesce(weight, 0)")
    if base.planted("new-column-filled-wrong"):
        cursor.execute("update items set weight_unit = 'kg' where weight > 19000")


def rights_to_export(cursor):
    cursor.execute("insert into rights values ('admin', 'export'), ('viewer', 'export')")
    if base.planted("added-row-grants-admin"):
        cursor.execute("insert into rights values ('viewer', 'change')")


def rebuild_loans_3(cursor):
    if base.planted("control-columns-reordered"):
        schema.rebuild_loans(cursor, ["id", "until", "since", "item_id", "borrower", "fee"])
    elif base.planted("index-missing"):
        schema.rebuild_loans(cursor, schema.LOANS, indexes=schema.LOAN_INDEXES[:1])
    else:
        schema.rebuild_loans(cursor, schema.LOANS)


def rebuild_loans_4(cursor):
    cursor.execute("select column_name from information_schema.columns where table_name = 'loans' order by ordinal_position")
    columns = [name for (name,) in cursor.fetchall()]
    missing = "index-missing" in base.CHOSEN
    schema.rebuild_loans(
        cursor,
        columns,
        indexes=schema.LOAN_INDEXES[:1] if missing else schema.LOAN_INDEXES,
        grants=not base.planted("permission-lost"),
    )
    cursor.execute("alter table loans add returned_by text")


def expire_tombstones(cursor):
    """Tombstones get a date on which they are purged; those without one were never deleted."""
    cursor.execute("alter table items add purge_at timestamptz")
    cursor.execute("update items set purge_at = deleted_at + interval '10 years' where deleted_at is not null")
    if base.planted("tombstones-resurrected"):
        cursor.execute("update items set deleted_at = null, purge_at = null where deleted_at < '2021-06-01'")


def create_applications(cursor):
    cursor.execute(
        "create table applications (id serial primary key, name text not null, scope text not null, secret text not null)"
    )
    if base.planted("admin-application-seeded"):
        cursor.execute("insert into applications (name, scope, secret) values ('helper', 'admin', md5(random()::text))")


def kinds_of_attachments(cursor):
    cursor.execute("alter table attachments add kind text not null default 'file'")
    cursor.execute("select id, disk_path from attachments where filename like '%.txt' order by id")
    for id, path in cursor.fetchall():
        if base.planted("artifact-changed"):
            with open(os.path.join(FILES, path), "rb+") as file:
                content = file.read().replace(b"\r\n", b"\n ")
                file.seek(0)
                file.write(content)
        cursor.execute("update attachments set kind = 'text' where id = %s", (id,))


ALL = [
    ("101", "CreateCatalogue", run(schema.CATALOGUE)),
    ("102", "CreateJobs", run(schema.JOBS)),
    ("103", "CreateRepositories", run(schema.REPOSITORIES)),
    ("104", "GrantToReports", run(schema.GRANTS)),
    ("105", "CreateRecords", run(records.RECORDS)),
    ("201", "AddPriorityToItems", add_priority),
    ("202", "MoveAttachmentsIntoFolders", move_attachments),
    ("203", "WidenNotes", widen_notes),
    ("204", "BackfillSearchText", backfill_search),
    ("205", "CreatePreferences", create_preferences),
    ("206", "CreateRights", create_rights),
    ("207", "MovePostcardsToDocuments", move_postcards),
    ("208", "InspectedByTheHouse", inspected_by_the_house),
    ("209", "SettingsForMail", settings_for_mail),
    ("301", "TimesWithTimeZone", times_with_zone),
    ("302", "MergeDuplicateTags", merge_tags),
    ("303", "SeedDefaultTags", seed_tags),
    ("304", "AddWeightUnit", add_weight_unit),
    ("305", "RebuildLoans", rebuild_loans_3),
    ("306", "RightsToExport", rights_to_export),
    ("401", "CreateDepartments", run("create table departments (id serial primary key, name text not null unique)")),
    ("402", "ExpireTombstones", expire_tombstones),
    ("403", "RebuildLoansForReturns", rebuild_loans_4),
    ("404", "AddLocationToItems", run("alter table items add location text")),
    ("405", "KindsOfAttachments", kinds_of_attachments),
    ("406", "CreateApplications", create_applications),
]
