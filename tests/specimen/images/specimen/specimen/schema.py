"""The tables of release 1.0, and the one that later releases rebuild."""

CATALOGUE = """
create table users (
  id serial primary key, login text not null unique, name text not null, role text not null,
  token_digest text not null, last_seen_at timestamptz);
create table collections (
  id serial primary key, name text not null unique, visibility smallint not null default 0,
  owner_id integer not null references users);
create table items (
  id serial primary key, collection_id integer not null references collections, code varchar(20) not null unique,
  title text not null, state smallint not null default 0, weight integer, found_on date,
  created_at timestamp not null, updated_at timestamp not null, deleted_at timestamp, note varchar(400),
  constraint items_weight_positive check (weight >= 0));
create index items_collection on items (collection_id);
create table tags (id serial primary key, name text not null);
create table item_tags (
  item_id integer not null references items, tag_id integer not null references tags, primary key (item_id, tag_id));
create table attachments (
  id serial primary key, item_id integer not null references items, filename text not null, bytes integer not null,
  sha256 text not null, disk_path text not null);
create table events (
  id serial primary key, item_id integer not null references items, at timestamptz not null, kind text not null,
  detail text);
create index events_item_at on events (item_id, at);
create table loans (
  id serial primary key, item_id integer not null references items, borrower text not null, since date not null,
  until date, fee numeric(8, 2) not null default 0);
create unique index loans_once on loans (item_id, since);
create index loans_until on loans (until);
create table settings (name text primary key, value text);
"""

JOBS = """
create table jobs (
  id serial primary key, kind text not null, payload text not null default '{}', state text not null,
  attempts integer not null default 0, queued_at timestamptz not null, run_at timestamptz, done_at timestamptz);
create table workers (name text primary key, heartbeat_at timestamptz not null, release text not null);
"""

REPOSITORIES = """
create table repositories (
  id serial primary key, name text not null unique, url text not null, head text, synced_at timestamptz,
  status text not null);
create table commits (
  repository_id integer not null references repositories, sha text not null, subject text not null,
  committed_at timestamptz not null, primary key (repository_id, sha));
"""

GRANTS = "grant select on items, loans, events, collections to specimen_report"

LOANS = ["id", "item_id", "borrower", "since", "until", "fee"]
LOAN_INDEXES = ["create index loans_until on loans (until)", "create unique index loans_once on loans (item_id, since)"]
_LOAN_TYPES = {
    "id": "integer not null default nextval('loans_id_seq')",
    "item_id": "integer not null",
    "borrower": "text not null",
    "since": "date not null",
    "until": "date",
    "fee": "numeric(8, 2) not null default 0",
}


def rebuild_loans(cursor, columns, indexes=None, grants=True):
    """Builds the table anew, with everything that belongs to it."""
    listed = ", ".join(columns)
    cursor.execute("alter table loans rename to loans_old")
    cursor.execute("alter sequence loans_id_seq owned by none")
    cursor.execute("create table loans (" + ", ".join(f"{name} {_LOAN_TYPES[name]}" for name in columns) + ")")
    cursor.execute(f"insert into loans ({listed}) select {listed} from loans_old order by id")
    cursor.execute("drop table loans_old")
    cursor.execute("alter sequence loans_id_seq owned by loans.id")
    cursor.execute("alter table loans add constraint loans_pkey primary key (id)")
    cursor.execute("alter table loans add constraint loans_item_id_fkey foreign key (item_id) references items")
    for index in LOAN_INDEXES if indexes is None else indexes:
        cursor.execute(index)
    if grants:
        cursor.execute("grant select on loans to specimen_report")
