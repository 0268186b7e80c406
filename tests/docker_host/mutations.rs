//! Every mutation that a database has room for can be planted, and the judges notice it.

use std::collections::{BTreeMap, BTreeSet};

use rehearse::engine::observer::Observer;
use rehearse_core::check::{DataTerms, judge_data, judge_structure, reading};
use rehearse_core::model::product::Engine;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::mutation::{Mutation, MutationKind, MutationTarget, changed_items};
use rehearse_core::observation::{DataState, Response};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::planning::plan::MutationBatch;

use crate::rig::*;
use crate::tables::Server;

const POSTGRES: &str = r#"
drop schema public cascade; create schema public; drop role if exists rehearse_planted;
alter database shop reset work_mem;
create table people (id serial primary key, login varchar(20) unique not null default 'x', about text, born date, seen timestamptz,
  active boolean default true, score numeric, extra jsonb, photo bytea, check (id > 0));
create index on people (about);
create table orders (id int primary key, person int not null references people, at time, token uuid, note text);
create view adults as select * from people; create sequence numbers;
create function shout(word text) returns text language sql as 'select upper(word)';
insert into people values (1, 'ada', 'likes tea', '1990-01-01', now(), true, 1.5, '{"a": 1}', '\x0102'), (2, 'bob', null, null, null, false, 2, null, null);
insert into orders values (1, 1, '10:00', gen_random_uuid(), 'a'), (2, 2, '11:00', gen_random_uuid(), 'b');
"#;

const MARIADB: &str = "
drop database shop; create database shop; use shop; drop user if exists rehearse_planted;
create table people (id int primary key auto_increment, login varchar(20) not null default 'x', about text, born date, seen datetime,
  active tinyint(1) not null, score decimal(10,2), photo blob, unique (login));
create index about on people (about(10));
create table orders (id int primary key, person int not null, at time, note text, foreign key (person) references people (id));
create view adults as select * from people;
create function shout(word varchar(10)) returns varchar(10) deterministic return upper(word);
insert into people values (1, 'ada', 'likes tea', '1990-01-01', now(), 1, 1.5, x'0102'), (2, 'bob', null, null, null, 0, 2, null);
insert into orders values (1, 1, '10:00', 'a'), (2, 2, '11:00', 'b');
";

/// The kinds of mutation that a server has no room for here.
fn impossible(engine: Engine) -> &'static [MutationKind] {
    match engine {
        Engine::Postgresql => &[],
        Engine::Mysql => &[MutationKind::SequenceLimited, MutationKind::RoleAdded],
    }
}

const OF_DATABASES: [MutationKind; 15] = [
    MutationKind::ValueChanged,
    MutationKind::RowLost,
    MutationKind::IndexLost,
    MutationKind::ForeignKeyLost,
    MutationKind::ConstraintLost,
    MutationKind::DefaultLost,
    MutationKind::NotNullLost,
    MutationKind::ColumnNarrowed,
    MutationKind::TriggerAdded,
    MutationKind::RightGranted,
    MutationKind::ViewLost,
    MutationKind::RoutineChanged,
    MutationKind::SequenceLimited,
    MutationKind::RoleAdded,
    MutationKind::SettingChanged,
];

fn findings(before: &DataState, now: &DataState) -> Vec<Finding> {
    let mut report = CheckReport::new(CheckKind::Data, "tables");
    let none = BTreeSet::new();
    let elsewhere = Default::default();
    let terms = DataTerms {
        rules: &[],
        volatile: &[],
        written: &none,
        elsewhere: &elsewhere,
        growing: &none,
        meaning: &BTreeMap::new(),
        labels: &BTreeMap::new(),
    };
    judge_data(before, now, terms, &mut report);
    judge_structure(before, now, &[], false, &mut report);
    report.findings
}

/// Plants each mutation by itself. Returns the kinds that were planted.
async fn plant_each(server: &Server, setup: &str, wrong: &mut Vec<String>) -> Result<BTreeSet<MutationKind>, String> {
    let mut planted = BTreeSet::new();
    for batch in [MutationBatch::Values, MutationBatch::Rows, MutationBatch::Structure] {
        server.sql(setup).await?;
        for candidate in server.observer.mutations(&server.site, batch).await? {
            let Mutation { kind, target } = &candidate.mutation;
            // A foreign key holds the index of its column, and a row that is referred to.
            server.sql(setup).await?;
            let before = server.read(&reading(None, &[], &[])).await?;
            let mut refusals = Vec::new();
            for statement in &candidate.statements {
                let response = server.observer.rows(&server.site, statement).await;
                let changed = if let Response::Rows(rows) = &response { rows.value() } else { None };
                if changed.is_some_and(|count| count != "0") {
                    planted.insert(*kind);
                    break;
                }
                refusals.push(format!("{statement}: {response:?}"));
            }
            if refusals.len() == candidate.statements.len() {
                wrong.extend(
                    refusals.into_iter().filter(|refusal| refusal.contains("42601") || refusal.contains("1064")),
                );
                continue;
            }
            let now = server.read(&reading(Some(&before), &[], &[])).await?;
            let found = findings(&before, &now);
            if found.is_empty() {
                wrong.push(format!("{kind} of {target}: nothing was found; {:?}", candidate.statements));
            }
            if let (MutationTarget::Structure(of), items) = (target, changed_items(*kind)) {
                let all = [&before, &now].into_iter().filter_map(|state| state.structure.as_ref());
                let named = all.flat_map(|structure| &structure.items);
                if !named.into_iter().any(|item| items.contains(&item.kind) && item.table == *of) {
                    wrong.push(format!("{kind} of {target}: no item of {items:?} has this name"));
                }
            }
        }
    }
    Ok(planted)
}

async fn mutated(engine: Engine, setup: &str) -> Outcome {
    let server = Server::start(engine).await?;
    let mut wrong = Vec::new();
    let done = plant_each(&server, setup, &mut wrong).await;
    server.down().await?;
    let planted = done?;
    let missing = OF_DATABASES.into_iter().filter(|kind| !planted.contains(kind) && !impossible(engine).contains(kind));
    wrong.extend(missing.map(|kind| format!("{kind}: never planted")));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

pub(crate) async fn every_mutation_of_postgresql_is_noticed() -> Outcome {
    mutated(Engine::Postgresql, POSTGRES).await
}

pub(crate) async fn every_mutation_of_mariadb_is_noticed() -> Outcome {
    mutated(Engine::Mysql, MARIADB).await
}
