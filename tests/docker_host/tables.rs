//! The tables of real servers: planted changes, and what is found of them, row by row and by checksums.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rehearse::docker::{DockerHost, Owner};
use rehearse::engine::host::{Command, Commands, Deployments, Images, InstanceRef, Services, Stdin};
use rehearse::engine::observer::{DatabaseTarget, Observer};
use rehearse::observers::Live;
use rehearse_core::check::{DataTerms, judge_data, judge_structure, reading};
use rehearse_core::deployment::ServiceSpec;
use rehearse_core::model::product::{DataRule, Engine};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{DataState, TableQuery};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::vocabulary::ident::DeploymentName;

use crate::planted::{PLANTED, in_dialect};
use crate::rig::*;
use crate::ruled::RULED;

/// A server of our own.
pub(crate) struct Server {
    pub(crate) host: Arc<DockerHost>,
    pub(crate) observer: Live<DockerHost>,
    pub(crate) site: DatabaseTarget,
    _folder: tempfile::TempDir,
}

const PASSWORD: &str = "it's \"secret\"";

impl Server {
    pub(crate) async fn start(engine: Engine) -> Result<Self, String> {
        let (image, service, env, user) = match engine {
            Engine::Postgresql => ("postgres:15", "db", ["POSTGRES_PASSWORD", "POSTGRES_DB"], "postgres"),
            Engine::Mysql => ("mariadb:10.11", "db", ["MARIADB_ROOT_PASSWORD", "MARIADB_DATABASE"], "root"),
        };
        let recipes = rehearse::load::recipes(&[]).map_err(text)?;
        let (host, folder) = host(Owner::current(), recipes).await?;
        let host = Arc::new(host);
        let deployment = DeploymentName("main".into());
        host.open(&deployment).await.map_err(chain)?;
        let held = host.obtain(&wanted(image, None), &|_| {}).await.map_err(chain)?;
        let [password, name] = env;
        let env = [(password, PASSWORD), (name, "shop")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut spec = ServiceSpec::default();
        (spec.name, spec.image, spec.env) = (service.into(), held.id, env.into());
        host.apply(&deployment, &[spec]).await.map_err(chain)?;
        host.start(&deployment, service).await.map_err(chain)?;
        let observer = Live::new(Arc::clone(&host)).map_err(text)?;
        let site = DatabaseTarget {
            instance: InstanceRef::of(&deployment, service),
            engine,
            name: "shop".into(),
            user: user.into(),
            host: None,
            run_as: None,
            password: Some(PASSWORD.into()),
        };
        let server = Self { host, observer, site, _folder: folder };
        match server.comes().await {
            Ok(()) => Ok(server),
            Err(why) => {
                server.down().await?;
                Err(why)
            }
        }
    }

    /// Waits until it answers. The server that makes the database goes away once more before the last one comes.
    pub(crate) async fn comes(&self) -> Outcome {
        let begun = Instant::now();
        let mut good = 0;
        while good < 5 {
            good = if self.sql("select 1").await.is_ok() { good + 1 } else { 0 };
            ensure!(begun.elapsed() < Duration::from_secs(180), "the server does not come");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    pub(crate) async fn sql(&self, sql: &str) -> Outcome {
        let argv: &[&str] = match self.site.engine {
            Engine::Postgresql => &["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "shop", "-f", "-"],
            Engine::Mysql => &["mariadb", "-uroot", "shop"],
        };
        let argv = argv.iter().map(|part| (*part).to_owned()).collect();
        let stdin = Some(Stdin::Bytes(format!("{sql}\n;\n").into_bytes()));
        let env = BTreeMap::from([("MYSQL_PWD".to_owned(), PASSWORD.to_owned())]);
        let mut output = CapturedOutput::default();
        let command = Command { argv, env, stdin, ..Command::default() };
        let code = self.host.exec(&self.site.instance, &command, &mut output).await.map_err(chain)?;
        ensure!(code == 0, "{sql}: {}", output.of(rehearse::engine::host::Stream::Err));
        Ok(())
    }

    pub(crate) async fn read(&self, reading: &TableQuery) -> Result<DataState, String> {
        self.observer.tables(&self.site, reading).await
    }

    pub(crate) async fn down(self) -> Outcome {
        let left = self.host.teardown().await;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    }

    /// The statements that make the tables anew.
    fn anew(&self) -> String {
        let (clear, special) = match self.site.engine {
            Engine::Postgresql => ("drop schema public cascade; create schema public;", POSTGRES),
            Engine::Mysql => ("drop database shop; create database shop; use shop;", MYSQL),
        };
        format!("{clear}\n{TABLES}\n{}\n{special}", wide())
    }

    /// What is found after `change`, and what is noted: row by row, then by checksums.
    async fn judged(&self, change: &str, rules: &[DataRule]) -> Result<[String; 2], String> {
        self.sql(&self.anew()).await?;
        let rules: Vec<&DataRule> = rules.iter().collect();
        let before = self.read(&reading(None, &[], &rules)).await?;
        self.sql(change).await?;
        self.found_since(before, &rules).await
    }

    async fn found_since(&self, before: DataState, rules: &[&DataRule]) -> Result<[String; 2], String> {
        let now = self.read(&reading(Some(&before), rules, &[])).await?;
        let by_row = found(&before, &now, rules);
        let before = large(before);
        // Without rules it is read as before.
        let now = if rules.is_empty() { now } else { self.read(&reading(Some(&before), rules, &[])).await? };
        Ok([by_row, found(&before, &large(now), rules)])
    }
}

/// The state as though every table were too large to keep its rows.
pub(crate) fn large(mut state: DataState) -> DataState {
    let viewed = state.viewed.values_mut().chain(state.without.iter_mut().map(|(_, read)| read));
    for table in state.tables.values_mut().chain(viewed.filter_map(|read| read.as_mut().ok())) {
        table.kept = None;
    }
    for (_, derived) in &mut state.derived {
        if let Ok(derived) = derived {
            (derived.table.kept, derived.query.kept) = (None, None);
        }
    }
    for column in state.new_columns.values_mut().flat_map(BTreeMap::values_mut).filter_map(|read| read.as_mut().ok()) {
        column.rows.kept = None;
    }
    state
}

fn found(before: &DataState, now: &DataState, rules: &[&DataRule]) -> String {
    let mut data = CheckReport::new(CheckKind::Data, "data");
    let (none, elsewhere) = (BTreeSet::new(), BTreeMap::new());
    let terms = DataTerms {
        rules,
        volatile: &[],
        written: &none,
        elsewhere: &elsewhere,
        growing: &none,
        meaning: &BTreeMap::new(),
        labels: &BTreeMap::new(),
    };
    judge_data(before, now, terms, &mut data);
    let mut structure = CheckReport::new(CheckKind::Data, "structure");
    judge_structure(before, now, rules, false, &mut structure);
    let (data, structure) = (data.decide(), structure.decide());
    let findings: Vec<String> = data.findings.iter().chain(&structure.findings).map(ToString::to_string).collect();
    let mut text = findings.join("\n");
    let reasons = data.inconclusive.iter().chain(&structure.inconclusive);
    text.extend(reasons.map(|reason| format!("\nunclear: {reason}")));
    text.extend(data.notes.iter().map(|note| format!("\nnoted: {note}")));
    text.trim().to_owned()
}

const TABLES: &str = "
create table teams (id int primary key, name varchar(50) not null default 'none');
create table people (id int primary key, name varchar(100) not null, note text, born timestamp(6) null, api_token varchar(50),
  team int, constraint in_team foreign key (team) references teams (id), constraint grown check (team > 0));
create unique index people_name on people (name);
create index people_team on people (team, born);
create table tags (word varchar(20), weight int);
create table steps (a int, b int, done varchar(10), primary key (a, b));
create table codes (id int primary key, code varchar(20), what varchar(20));
insert into codes values (1, 'x', 'first'), (2, 'y', 'second');
insert into teams values (1, 'red'), (2, 'blue');
insert into people values (1, 'ann', 'first', '2024-01-01 10:00:00', 's3cret', 1), (2, 'ben', null, null, null, 2),
  (3, 'cyd', 'a longer note that has a tab\t and more text in it than is kept of a value as it is', null, null, 1);
insert into tags values ('x', 1), ('y', 2), ('y', 2), (null, 3);
insert into steps values (1, 1, 'new'), (1, 2, 'old');
";
const POSTGRES: &str = "
create sequence numbers; select nextval('numbers'), nextval('numbers');
do $$ begin if not exists (select from pg_roles where rolname = 'reader') then create role reader; end if; end $$;
grant select on people to reader;
create function touch() returns trigger language plpgsql as 'begin return new; end';
create trigger touched before update on people for each row execute function touch();
create view reds as select id from people where team = 1;
create table counted (id int generated by default as identity primary key);
create table guarded (id int primary key);
alter table guarded enable row level security;
create policy own on guarded for select to reader using (id > 0);
create rule nothing as on delete to guarded do instead nothing;
grant select (word) on tags to reader;
create table tally (id serial primary key);
";
const MYSQL: &str = "
create sequence numbers; select nextval(numbers), nextval(numbers);
create user if not exists reader; grant select on people to reader; grant select (word) on tags to reader;
create trigger touched before update on people for each row set new.id = new.id;
create view reds as select id from people where team = 1;
create table counted (id int auto_increment primary key);
create table tally (id int auto_increment primary key);
";

/// A table of more columns than a function of PostgreSQL takes arguments.
fn wide() -> String {
    let columns: String = (1..=250).map(|number| format!(", c{number} int")).collect();
    format!("create table wide (id int primary key{columns}); insert into wide (id, c249) values (1, 5);")
}

async fn planted(engine: Engine) -> Outcome {
    let server = Server::start(engine).await?;
    let done = plant_all(&server, engine).await;
    server.down().await?;
    done
}

async fn plant_all(server: &Server, engine: Engine) -> Outcome {
    let mut wrong = Vec::new();
    server.sql(&server.anew()).await?;
    // The tables are the same before each change, so one reading of them does for all.
    let before = server.read(&reading(None, &[], &[])).await?;
    // Policies, rules and tables that a crash empties are there on PostgreSQL alone.
    let there = |change: &str| engine == Engine::Postgresql || !change.contains("guarded");
    for (change, by_row, by_sum) in PLANTED.iter().filter(|(change, ..)| there(change)) {
        server.sql(&format!("{}\n;\n{}", server.anew(), in_dialect(engine, change))).await?;
        let found = server.found_since(before.clone(), &[]).await?;
        for (how, expected, found) in [("row by row", by_row, &found[0]), ("by checksums", by_sum, &found[1])] {
            let right = if expected.is_empty() { found.is_empty() } else { found.contains(expected) };
            if !right {
                wrong.push(format!("{change} ({how}): expected {expected}, found {found}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

pub(crate) async fn planted_changes_of_postgresql_are_found() -> Outcome {
    planted(Engine::Postgresql).await
}

async fn ruled(engine: Engine) -> Outcome {
    let server = Server::start(engine).await?;
    let done = rule_all(&server, engine).await;
    server.down().await?;
    done
}

async fn rule_all(server: &Server, engine: Engine) -> Outcome {
    let mut wrong = Vec::new();
    for (rule, change, by_row, by_sum) in RULED {
        let allow = serde_json::from_str(rule).map_err(text)?;
        let rule =
            DataRule { crossing: "2.0".parse().map_err(text)?, allow, because: "reviewed".parse().map_err(text)? };
        let by_sum = if *by_sum == "=" { by_row } else { by_sum };
        let found = server.judged(&in_dialect(engine, change), std::slice::from_ref(&rule)).await?;
        for (how, expected, found) in [("row by row", by_row, &found[0]), ("by checksums", by_sum, &found[1])] {
            let quiet = expected.is_empty() || expected.starts_with("noted") || expected.starts_with("as its");
            let only_noted = found.lines().all(|line| line.starts_with("noted: "));
            // A wrong rule is a doubt, and what it does not allow is a finding; what it allows is neither.
            if !found.contains(expected) || quiet && !only_noted {
                wrong.push(format!("{rule:?}, {change} ({how}): expected {expected}, found {found}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

pub(crate) async fn rules_on_tables_of_postgresql_allow_what_they_say_and_no_more() -> Outcome {
    ruled(Engine::Postgresql).await
}

pub(crate) async fn planted_changes_of_mariadb_are_found() -> Outcome {
    planted(Engine::Mysql).await
}

pub(crate) async fn rules_on_tables_of_mariadb_allow_what_they_say_and_no_more() -> Outcome {
    ruled(Engine::Mysql).await
}
