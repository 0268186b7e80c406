"""What release 1.0 keeps beside its catalogue: notes, articles, letters, and everything of a database that is no table."""

import random
from datetime import date, datetime, timedelta, timezone

from psycopg2.extras import execute_values

RECORDS = """
alter table users add locked boolean not null default false, add password text not null default '';
create extension citext;
create extension unaccent;
create schema reports;
create type condition as enum ('good', 'worn', 'damaged', 'lost');
create domain shelf_mark as text constraint shelf_mark_form check (value ~ '^[A-Z]-[0-9]+$');
create table notes (
  id serial primary key, item_id integer not null references items, author_id integer not null references users,
  text text not null, private boolean not null default false, written_at timestamptz not null);
create index notes_item on notes (item_id);
create table articles (
  id serial primary key, slug text not null unique, title text not null, body text not null,
  collection_id integer references collections, written_at timestamptz not null);
create table queries (
  id serial primary key, name text not null, state smallint not null, shared boolean not null default true);
create table borrowers (
  id serial primary key, name text collate "C" not null, email citext not null unique, city text,
  hidden boolean not null default false, joined_on date not null);
create table inspections (
  id serial primary key, item_id integer not null references items, shelf shelf_mark not null,
  state condition not null default 'good', remark text, humidity double precision not null,
  inspected_by text not null default 'staff', inspected_on date not null,
  month integer generated always as (extract(month from inspected_on)::integer) stored,
  constraint inspections_once unique (item_id, inspected_on),
  constraint inspections_humidity check (humidity between 0 and 100));
create table scans (
  id serial primary key, item_id integer not null references items, content oid not null,
  resolution double precision not null, options jsonb not null default '{}', taken_at timestamptz not null);
create table letters (
  id serial primary key, sender text not null, received_on date not null, subject text not null, body text);
create table postcards (id serial primary key, sender text not null, written_on date not null, text text);
create sequence inventory_numbers maxvalue 99999;
select setval('inventory_numbers', 600);
create function item_label(wanted integer) returns text language sql stable as
  $$ select code || ' ' || title from items where id = wanted $$;
create procedure close_loans(before date) language plpgsql as
  $$ begin update loans set until = before where until is null and since < before; end $$;
create function has_text() returns trigger language plpgsql as
  $$ begin if new.text = '' then raise exception 'a note without a text'; end if; return new; end $$;
create trigger notes_text before insert or update on notes for each row execute function has_text();
create function has_title() returns trigger language plpgsql as
  $$ begin if new.title = '' then raise exception 'an article without a title'; end if; return new; end $$;
create trigger articles_title before insert or update on articles for each row execute function has_title();
create view reports.worn as
  select i.code, n.state, n.inspected_on from inspections n join items i on i.id = n.item_id where n.state <> 'good';
create materialized view reports.by_shelf as select shelf::text as shelf, count(*) as inspections from inspections group by 1;
alter table borrowers enable row level security;
create policy borrowers_shown on borrowers for select to specimen_report using (not hidden);
grant select on borrowers, letters, inspections to specimen_report;
grant usage on schema reports to specimen_report;
grant select on reports.worn, reports.by_shelf to specimen_report;
grant usage on sequence inventory_numbers to specimen_report;
revoke execute on function item_label(integer) from public;
grant execute on function item_label(integer) to specimen_report;
revoke execute on procedure close_loans(date) from public;
"""

TOPICS = "amber|bone|clay|glass|iron|silver".split("|")
PLACES = ["Köln", "Zürich", "Łódź", "Besançon", "Oslo", "Gent"]


def seed(cursor):
    pick = random.Random(2)
    then = datetime(2022, 3, 1, 9, 30, 15, 250000, tzinfo=timezone.utc)
    cursor.execute("update users set password = encode(sha256(convert_to('secret-' || login, 'UTF8')), 'hex')")
    cursor.execute("update users set locked = true where login = 'user12'")
    notes = []
    for n in range(60):
        # Half of them belong to the items that people open first.
        item, private = (n // 2 + 1 if n % 2 else n * 9 + 1), n % 3 == 1
        text = f"The price asked in round {n} was {n * 37 + 11} crowns" if private else f"Measured for the drawing {n * 7 + 100}"
        notes.append((item, n % 11 + 1, text, private, then + timedelta(hours=n)))
    execute_values(cursor, "insert into notes (item_id, author_id, text, private, written_at) values %s", notes)
    articles = []
    for n, topic in enumerate(TOPICS):
        body = f"How {topic} came to {PLACES[n]}, told in {n + 3} chapters.\nWhat the {n + 20} keepers of {PLACES[n]} wrote of {topic}."
        articles.append((topic, f"{topic.capitalize()} in the house", body, None if n < 3 else n, then + timedelta(days=n)))
    execute_values(cursor, "insert into articles (slug, title, body, collection_id, written_at) values %s", articles)
    queries = [("Drafts of the year", 0), ("On loan", 2), ("Retired pieces", 3)]
    execute_values(cursor, "insert into queries (name, state) values %s", queries)
    people = []
    for n in range(40):
        joined = date(2010 + n % 12, n % 12 + 1, (n * 5) % 12 + 1)
        people.append((f"Museum of {PLACES[n % 6]} {n}", f"Loans{n}@example.invalid", PLACES[n % 6], n % 9 == 4, joined))
    execute_values(cursor, "insert into borrowers (name, email, city, hidden, joined_on) values %s", people)
    seen = []
    for n in range(120):
        state = ["good", "good", "worn", "damaged"][n % 4]
        day = date(2021, n % 12 + 1, n % 28 + 1)
        seen.append((n * 5 + 1, f"{'ABC'[n % 3]}-{n % 10}", state, None if n % 2 else f"Round {n}", pick.randrange(200, 800) / 10, day))
    columns = "item_id, shelf, state, remark, humidity, inspected_on"
    execute_values(cursor, f"insert into inspections ({columns}) values %s", seen)
    for n in range(8):
        cursor.execute("select lo_from_bytea(%s, %s)", (70001 + n, bytes(range(n, n + 40))))
        cursor.execute(
            "insert into scans (item_id, content, resolution, options, taken_at) values (%s, %s, %s, %s, %s)",
            (n * 3 + 1, 70001 + n, 300.5 + n, '{"depth": 16, "pages": [1, 2], "colour": true}', then + timedelta(days=n)),
        )
    letters = [(f"Sender {n % 13}", date(2019, n % 12 + 1, n % 28 + 1), f"On loan {n}", "" if n % 5 == 0 else f"Letter {n}") for n in range(90)]
    execute_values(cursor, "insert into letters (sender, received_on, subject, body) values %s", letters)
    cards = [(f"Traveller {n}", date(1931, n % 12 + 1, n % 28 + 1), None if n % 7 == 0 else f"Greetings {n}") for n in range(50)]
    execute_values(cursor, "insert into postcards (sender, written_on, text) values %s", cards)
    cursor.execute("refresh materialized view reports.by_shelf")
