"""What the last step of a migrator does that is wrong, and what it does that is harmless: by the name of the fault or control,
the release that brings it, and its statements or a function."""

import os
import shutil
import subprocess

FILES = "/srv/files"
CONFIG = "/etc/specimen"
GIT = "/srv/git"


def sql(name, *statements):
    return {name: (2, lambda cursor: [cursor.execute(statement) for statement in statements])}


def upgraded(name, *statements):
    """Only where an earlier release has left people: a fresh installation of the same release is whole."""

    def act(cursor):
        cursor.execute("select exists (select from users)")
        if cursor.fetchone()[0]:
            for statement in statements:
                cursor.execute(statement)

    return {name: (2, act)}


def git(repository, *words):
    subprocess.run(["git", *words], cwd=f"{GIT}/{repository}.git", check=True, capture_output=True)


def attachment(cursor, id):
    cursor.execute("select disk_path from attachments where id = %s", (id,))
    return os.path.join(FILES, cursor.fetchone()[0])


def flip(path, at):
    with open(path, "rb+") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def relink(path, target):
    os.remove(path)
    os.symlink(target, path)


def files(name, act):
    return {name: (3, act)}


def damaged_object():
    """A byte of a commit, as a disk flips it."""
    tip = subprocess.run(["git", "rev-parse", "draft"], cwd=f"{GIT}/plans.git", check=True, capture_output=True, text=True).stdout
    path = f"{GIT}/plans.git/objects/{tip[:2]}/{tip[2:].strip()}"
    os.chmod(path, 0o644)
    flip(path, 20)
    os.chmod(path, 0o444)


def repacked():
    for name in sorted(os.listdir(GIT)):
        git(name.removesuffix(".git"), "repack", "-a", "-d", "-q")
        git(name.removesuffix(".git"), "pack-refs", "--all")


def touched():
    for folder in (FILES, CONFIG, GIT):
        for above, _, names in os.walk(folder):
            for name in names:
                os.utime(os.path.join(above, name), follow_symlinks=False)


def written_again():
    """As editors save: a new file of the same bytes takes the old one's place."""
    for name in ("specimen.ini", "mail.ini"):
        path = os.path.join(CONFIG, name)
        shutil.copy2(path, path + ".new")
        os.replace(path + ".new", path)


GROWN = ["update events set kind = kind || ''" for _ in range(16)]

DEFINITIONS = (
    sql("function-emptied", "create or replace function item_label(wanted integer) returns text language sql stable as $$ select code from items where id = wanted $$")
    | sql("procedure-changed", "create or replace procedure close_loans(before date) language plpgsql as $$ begin update loans set until = before where until is null; end $$")
    | sql("function-with-owners-rights", "alter function has_text() security definer")
    | sql("view-changed", "create or replace view reports.worn as select i.code, n.state, n.inspected_on from inspections n join items i on i.id = n.item_id where n.state = 'damaged'")
    | sql("view-emptied", "refresh materialized view reports.by_shelf with no data")
    | sql("domain-check-lost", "alter domain shelf_mark drop constraint shelf_mark_form")
    | sql("label-renamed", "alter type condition rename value 'lost' to 'missing'")
    | sql("large-object-gone", "select lo_unlink(oid) from pg_largeobject_metadata where oid = 70003")
    | sql("extension-gone", "drop extension unaccent")
    | sql("trigger-lost", "drop trigger notes_text on notes")
    | sql("trigger-disabled", "alter table articles disable trigger articles_title")
    | sql(
        "trigger-swallows-rows",
        "create function nothing() returns trigger language plpgsql as $$ begin return null; end $$",
        "create trigger borrowers_checked before insert on borrowers for each row execute function nothing()",
    )
    | sql("rule-swallows-rows", "create rule queries_shared as on insert to queries where new.shared do instead nothing")
    | sql("check-refuses-rows", "alter table letters add constraint letters_short check (length(subject) < 20)")
    | sql("index-invalid", "update pg_index set indisvalid = false where indexrelid = 'notes_item'::regclass")
    | sql(
        "foreign-key-not-valid",
        "alter table scans drop constraint scans_item_id_fkey",
        "alter table scans add constraint scans_item_id_fkey foreign key (item_id) references items not valid",
    )
    | sql(
        "event-trigger-added",
        "create function told() returns event_trigger language plpgsql as $$ begin null; end $$",
        "create event trigger every_change on ddl_command_end execute function told()",
    )
)

RIGHTS_LOST = (
    sql("role-cannot-log-in", "alter role specimen_report nologin")
    | sql("usage-revoked", "revoke usage on schema reports from specimen_report")
    | sql("view-closed", "revoke select on reports.worn from specimen_report")
    | sql("sequence-closed", "revoke usage on sequence inventory_numbers from specimen_report")
    | sql("function-closed", "revoke execute on function item_label(integer) from specimen_report")
    | sql("role-setting-lost", "alter role specimen_report reset statement_timeout")
    | sql("database-setting-changed", "alter database specimen set idle_in_transaction_session_timeout = 0")
    | sql("policy-lost", "drop policy borrowers_shown on borrowers")
    | sql("row-security-off", "alter table borrowers disable row level security")
    | sql("table-owner-changed", "alter table notes owner to specimen_curators")
    | sql("sequence-owner-changed", "alter sequence inventory_numbers owner to specimen_curators")
    | sql("membership-lost", "revoke specimen_curators from specimen_report")
)

RIGHTS_GIVEN = (
    sql("granted-to-everyone", "grant all on letters to public")
    | sql("superuser-added", "create role helper superuser login")
    | sql("role-becomes-superuser", "alter role specimen_curators superuser")
    | sql("role-joins-owner", "grant specimen to specimen_report")
    | sql("view-open-to-everyone", "grant select on reports.worn to public")
    | sql(
        "procedure-made-anew",
        "drop procedure close_loans(date)",
        "create procedure close_loans(before date) language plpgsql as $$ begin update loans set until = before where until is null and since < before; end $$",
    )
    | sql("schema-open-to-everyone", "grant create on schema public to public")
    | sql("sequence-open-to-everyone", "grant update on sequence inventory_numbers to public")
    | sql("column-open-to-stranger", "create role stranger login", "grant select (password) on users to stranger")
    | sql("policies-bypassed", "alter role specimen_report bypassrls")
)

COLUMNS = (
    sql("column-shortened", "alter table articles alter title type varchar(120)")
    | sql("double-to-real", "alter table scans alter resolution type real")
    | sql("collation-changed", 'alter table borrowers alter name type text collate "default"')
    | sql("not-null-lost", "alter table letters alter subject drop not null")
    | sql("default-lost", "alter table notes alter private drop default")
    | sql("foreign-key-lost", "alter table notes drop constraint notes_author_id_fkey")
    | sql("unique-lost", "alter table borrowers drop constraint borrowers_email_key")
    | sql("check-lost", "alter table inspections drop constraint inspections_humidity")
    | sql("generated-column-plain", "alter table inspections alter month drop expression")
    | sql("primary-key-lost", "alter table scans drop constraint scans_pkey")
    | sql("sequence-ends-soon", "alter sequence inventory_numbers maxvalue 700")
    | sql("sequence-set-back", "select setval('letters_id_seq', 1)")
    | sql("table-unlogged", "alter table queries set unlogged")
)

ROWS = (
    sql("table-left-over", "create table items_before as select id, code, title from items where id <= 40")
    | sql("table-lost", "drop table scans")
    | sql("column-lost", "alter table events drop column detail")
    | sql("rows-doubled", "insert into tags (name) select name from tags where id <= 3")
    | sql("empty-becomes-null", "update letters set body = null where body = ''")
    | sql("umlauts-broken", "update articles set body = convert_from(convert_to(body, 'UTF8'), 'LATIN1')")
    | sql("authors-lost", "update notes set author_id = 1 where author_id in (select id from users where locked or id > 9)")
    | sql("days-and-months-swapped", "update borrowers set joined_on = make_date(extract(year from joined_on)::int, extract(day from joined_on)::int, extract(month from joined_on)::int) where id % 3 = 0 and extract(day from joined_on) <= 12")
    | sql("humidity-rounded", "update inspections set humidity = round(humidity) where id > 60")
    | sql("query-lost", "delete from queries where id = 3")
    | sql("password-forgotten", "update users set password = '' where login = 'user09'")
)

OF_FILES = (
    files("attachment-flipped", lambda cursor: flip(attachment(cursor, 20), 100))
    | files("attachment-lost", lambda cursor: os.remove(attachment(cursor, 23)))
    | files("attachment-emptied", lambda cursor: write(attachment(cursor, 26), ""))
    | files("attachment-given-away", lambda cursor: os.chown(attachment(cursor, 29), 33, 33))
    | files("settings-replaced", lambda _: write(f"{CONFIG}/mail.ini", "[mail]\nserver = localhost\nport = 25\n"))
    | files("secret-key-replaced", lambda _: write(f"{CONFIG}/secret.key", "5" * 64))
    | files("key-open-to-all", lambda _: os.chmod(f"{CONFIG}/mail.key", 0o644))
    | files("link-elsewhere", lambda _: relink(f"{CONFIG}/theme.ini", "themes/dark.ini"))
    | files("file-left-over", lambda _: write(f"{FILES}/upgrade.tmp", "photo-1.jpg\n"))
    | files("repository-lost", lambda _: shutil.rmtree(f"{GIT}/drawings.git"))
    | files("hook-lost", lambda _: os.remove(f"{GIT}/letters.git/hooks/post-receive"))
    | files("branch-set-back", lambda _: git("letters", "update-ref", "refs/heads/main", "main~1"))
    | files("tag-lost", lambda _: git("letters", "tag", "-d", "v1"))
    | files("head-elsewhere", lambda _: git("maps", "symbolic-ref", "HEAD", "refs/heads/draft"))
    | files("repository-settings-lost", lambda _: git("maps", "config", "--unset", "receive.denyNonFastForwards"))
    | files("object-damaged", lambda _: damaged_object())
)

GROWTH = sql("database-grows", *GROWN)

# What a migrator of this release should have made, and has not: before, there was no such thing.
NOT_BROUGHT = (
    upgraded("rights-without-key", "alter table rights drop constraint rights_pkey")
    | upgraded("preferences-without-user", "alter table preferences drop constraint preferences_user_id_fkey")
    | upgraded("preference-may-be-empty", "alter table preferences alter value drop not null")
    | upgraded("documents-without-numbers", "alter table documents alter id drop default")
    | upgraded("documents-narrow", "alter table documents alter kind type varchar(8)")
    | upgraded("documents-soon-full", "alter sequence documents_id_seq maxvalue 999")
)

HARMLESS = (
    sql("control-vacuum-full", "vacuum full")
    | sql("control-cluster", "cluster events using events_item_at", "cluster items using items_pkey")
    | sql("control-reindex", "reindex database specimen")
    | sql("control-analyze", "analyze", "alter table notes alter text set statistics 500")
    | sql("control-json-keys", """update scans set options = '{"colour": true, "pages": [1, 2], "depth": 16}'::jsonb""")
    | sql(
        "control-names",
        "alter index notes_item rename to notes_by_item",
        "alter table inspections rename constraint inspections_humidity to humidity_is_a_share",
        "alter trigger notes_text on notes rename to notes_have_text",
    )
    | sql("control-wider", "alter table jobs alter id type bigint", "alter table borrowers alter joined_on set statistics 50", "alter table collections alter visibility type integer")
    | sql("control-view-again", "refresh materialized view reports.by_shelf", "create or replace view reports.worn as select i.code, n.state, n.inspected_on from inspections n join items i on i.id = n.item_id where n.state <> 'good'")
    | sql("control-comments", "comment on table notes is 'What people wrote'", "comment on column notes.text is 'Plain text'")
    | sql("control-numbers-ahead", "select setval('inventory_numbers', 640)", "select nextval('letters_id_seq')")
    | {"control-repack": (2, lambda _: repacked())}
    | {"control-touch": (2, lambda _: touched())}
    | {"control-written-again": (2, lambda _: written_again())}
    | {"control-empty-folder": (2, lambda _: os.makedirs(f"{FILES}/incoming/today", exist_ok=True))}
)

DAMAGE = DEFINITIONS | RIGHTS_LOST | RIGHTS_GIVEN | COLUMNS | ROWS | OF_FILES | GROWTH | NOT_BROUGHT | HARMLESS
