//! Changes beside the tables of a database, and what is found of each.

use rehearse_core::check::{judge_structure, reading};
use rehearse_core::model::product::Engine;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::code::FindingCode::{self, StructureHarmful, StructureLost, StructureNarrowed};
use rehearse_core::outcome::event::CheckReport;

use crate::rig::*;
use crate::tables::Server;

/// A change, and the findings of it: the code, and the beginning of the subject.
type Planted = (&'static str, &'static [(FindingCode, &'static str)]);

/// Everything is made anew for each change. Roles, settings and large objects outlive the schema.
const POSTGRES: &str = r#"
drop schema public cascade; create schema public;
drop role if exists boss; drop publication if exists news;
do $$ begin if not exists (select from pg_roles where rolname = 'reader') then create role reader; end if; end $$;
alter role reader with login; alter role reader set statement_timeout = '1min';
alter database shop set work_mem = '8MB';
select lo_unlink(oid) from pg_largeobject_metadata; select lo_create(4711);
grant usage on schema public to reader;
create domain positive as int constraint above check (value > 0);
create type mood as enum ('sad', 'ok');
create type pair as (one int, two text);
create function shout(word text) returns text language sql as 'select upper(word)';
create sequence numbers; create table tally (id serial primary key);
create table things (id int primary key, size double precision, label text, kind mood, code varchar(20) collate "C", rank positive);
create function touch() returns trigger language plpgsql as 'begin return new; end';
create trigger touched before update on things for each row execute function touch();
create materialized view copies as select id from things;
insert into things values (1, 1.5, 'a', 'ok', 'x', 1);
refresh materialized view copies;
create procedure tidy_up() language sql as 'delete from things where id < 0';
grant select on copies to reader;
revoke execute on procedure tidy_up() from public;
create publication news for table things;
"#;

const OF_POSTGRES: &[Planted] = &[
    ("select 1", &[]),
    (
        "create or replace function shout(word text) returns text language sql as 'select lower(word)'",
        &[(StructureLost, "routine shout(word text): function that returns text")],
    ),
    (
        "create or replace procedure tidy_up() language sql as 'delete from things'",
        &[(StructureLost, "routine tidy_up(): procedure")],
    ),
    (
        "alter function shout(text) security definer",
        &[(StructureLost, "routine shout(word text): function that returns text")],
    ),
    ("alter domain positive drop constraint above", &[(StructureLost, "user type positive: CHECK")]),
    ("alter type mood rename value 'sad' to 'mad'", &[(StructureLost, "user type mood: label 'sad'")]),
    ("alter type pair drop attribute two", &[(StructureLost, "user type pair: part two text")]),
    ("refresh materialized view copies with no data", &[(StructureLost, "view of copies: it holds rows")]),
    ("select lo_unlink(4711)", &[(StructureLost, "large object 4711: it exists")]),
    ("alter role reader nologin", &[(StructureLost, "role reader: can log in")]),
    ("revoke usage on schema public from reader", &[(StructureLost, "schema public: USAGE for reader")]),
    ("alter role reader reset statement_timeout", &[(StructureLost, "setting reader: statement_timeout=1min")]),
    (
        "alter database shop set work_mem = '1MB'",
        &[(StructureLost, "setting everybody: work_mem=8MB"), (StructureHarmful, "setting everybody: work_mem=1MB")],
    ),
    ("alter sequence numbers maxvalue 100", &[(StructureLost, "sequence numbers: bigint from 1")]),
    ("alter sequence numbers owner to reader", &[(StructureLost, "sequence numbers: owned by postgres")]),
    ("alter table things alter label type varchar(100)", &[(StructureNarrowed, "type of things.label: text")]),
    ("alter table things alter size type real", &[(StructureNarrowed, "type of things.size: double precision")]),
    (
        "alter table things alter code type varchar(20) collate \"default\"",
        &[(StructureLost, "collation of things.code: C")],
    ),
    ("alter table things alter label type text collate \"C\"", &[(StructureHarmful, "collation of things.label: C")]),
    (
        "alter table things disable trigger touched",
        &[(StructureLost, "trigger on things: BEFORE UPDATE"), (StructureHarmful, "trigger on things: BEFORE UPDATE")],
    ),
    (
        "create trigger swallow before insert on things for each row execute function touch()",
        &[(StructureHarmful, "trigger on things: BEFORE INSERT")],
    ),
    ("alter table things add constraint refuses check (id < 9)", &[(StructureHarmful, "constraint on things: CHECK")]),
    ("grant delete on things to public", &[(StructureHarmful, "privilege on things: DELETE for everyone")]),
    ("revoke select on copies from reader", &[(StructureLost, "view of copies: SELECT for reader")]),
    (
        "alter materialized view copies owner to reader",
        &[(StructureLost, "view of copies: owned by postgres"), (StructureLost, "view of copies: SELECT for reader")],
    ),
    ("grant select on copies to public", &[(StructureHarmful, "view of copies: SELECT for everyone")]),
    (
        "drop procedure tidy_up(); create procedure tidy_up() language sql as 'delete from things where id < 0'",
        &[(StructureHarmful, "routine tidy_up(): EXECUTE for everyone")],
    ),
    ("grant create on schema public to public", &[(StructureHarmful, "schema public: CREATE for everyone")]),
    ("grant update on sequence numbers to public", &[(StructureHarmful, "sequence numbers: UPDATE for everyone")]),
    ("grant postgres to reader", &[(StructureHarmful, "role reader: member of postgres")]),
    ("create role boss superuser", &[(StructureHarmful, "role boss: superuser")]),
    (
        "drop publication news",
        &[(StructureLost, "event news: publication"), (StructureLost, "event news: publishes public.things")],
    ),
    // New, and harmless.
    (
        "create table more (id int primary key); create function other() returns int language sql as 'select 1'; create sequence further",
        &[],
    ),
    ("alter table things alter code type varchar(40) collate \"C\"", &[]),
    ("vacuum full things", &[]),
    ("cluster things using things_pkey", &[]),
    ("reindex table things", &[]),
];

const MARIADB: &str = "
drop database shop; create database shop; use shop; drop user if exists boss;
create table things (id int primary key, size double, label text, price decimal(10,2));
create function shout(word varchar(10)) returns varchar(10) deterministic return upper(word);
create procedure tidy_up() delete from things where id < 0;
create event tick on schedule every 1 day do delete from things where id < 0;
create trigger touched before update on things for each row set new.id = new.id;
insert into things values (1, 1.5, 'a', 2);
";

const OF_MARIADB: &[Planted] = &[
    ("select 1", &[]),
    (
        "drop function shout; create function shout(word varchar(10)) returns varchar(10) deterministic return lower(word)",
        &[(StructureLost, "routine shout: function that returns varchar(10)")],
    ),
    ("drop procedure tidy_up", &[(StructureLost, "routine tidy_up: procedure")]),
    ("drop event tick", &[(StructureLost, "event tick: enabled")]),
    ("alter event tick disable", &[(StructureLost, "event tick: enabled"), (StructureHarmful, "event tick: ")]),
    ("alter table things modify label varchar(100)", &[(StructureNarrowed, "type of things.label: text")]),
    (
        "alter table things modify label text character set utf8mb4 collate utf8mb4_bin",
        &[(StructureNarrowed, "type of things.label: text")],
    ),
    ("alter table things modify price decimal(8,2)", &[(StructureNarrowed, "type of things.price: decimal(10,2)")]),
    ("alter table things modify size float", &[(StructureNarrowed, "type of things.size: double")]),
    (
        "create trigger swallow before insert on things for each row signal sqlstate '45000'",
        &[(StructureHarmful, "trigger on things: BEFORE INSERT")],
    ),
    ("alter table things add constraint refuses check (id < 9)", &[(StructureHarmful, "constraint on things: CHECK")]),
    (
        "create user boss; grant all on *.* to boss",
        &[(StructureHarmful, "role 'boss'@'%': create user"), (StructureHarmful, "role 'boss'@'%': super")],
    ),
    (
        "alter database shop character set latin1",
        &[
            (StructureLost, "setting database: characters utf8mb4"),
            (StructureHarmful, "setting database: characters latin1"),
        ],
    ),
    ("create table more (id int primary key); create procedure other() select 1", &[]),
    ("optimize table things", &[]),
];

async fn plant_all(server: &Server, setup: &str, all: &[Planted]) -> Outcome {
    let mut wrong = Vec::new();
    for (change, expected) in all {
        server.sql(setup).await?;
        let before = server.read(&reading(None, &[], &[])).await?;
        server.sql(change).await?;
        let now = server.read(&reading(Some(&before), &[], &[])).await?;
        let mut report = CheckReport::new(CheckKind::Data, "structure");
        judge_structure(&before, &now, &[], false, &mut report);
        let found: Vec<(FindingCode, String)> =
            report.findings.iter().map(|finding| (finding.code, finding.subject.name())).collect();
        let matches = |(code, subject): &(FindingCode, &str), (found, name): &(FindingCode, String)| {
            code == found && name.starts_with(subject)
        };
        let right = found.len() == expected.len()
            && expected.iter().all(|expected| found.iter().any(|found| matches(expected, found)));
        if !right {
            wrong.push(format!("{change}: expected {expected:?}, found {found:?}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

async fn planted(engine: Engine, setup: &str, all: &[Planted]) -> Outcome {
    let server = Server::start(engine).await?;
    let done = plant_all(&server, setup, all).await;
    server.down().await?;
    done
}

pub(crate) async fn changes_beside_the_tables_of_postgresql_are_found() -> Outcome {
    planted(Engine::Postgresql, POSTGRES, OF_POSTGRES).await
}

pub(crate) async fn changes_beside_the_tables_of_mariadb_are_found() -> Outcome {
    planted(Engine::Mysql, MARIADB, OF_MARIADB).await
}
