//! Columns of real servers whose texts are compared by what they mean.

use std::collections::{BTreeMap, BTreeSet};

use rehearse_core::check::{DataTerms, judge_data, reading};
use rehearse_core::model::product::{Engine, TextFormat};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{DataState, TableQuery};
use rehearse_core::outcome::event::CheckReport;

use crate::rig::*;
use crate::tables::Server;

const TABLE: &str = "
create table settings (id int primary key, name varchar(50), value text, extra text);
insert into settings values (1, 'mail', '---
- one: \"a\"
  two: [1, 2]
', '{\"a\": 1, \"b\": {\"c\": \"x\"}}'), (2, 'long', null, '{\"a\": \"LONG\", \"end\": 1}'), (3, 'broken', null, '{\"a\": ');
";
/// The same in other words.
const REWRITTEN: &str = "
update settings set value = '---\n- two:\n  - 1\n  - 2\n  one: ''a''\n', extra = '{\"b\":{\"c\":\"x\"},\"a\":1.0}' where id = 1;
update settings set extra = '{\"end\":1,\"a\":\"LONG\"}' where id = 2;
";
/// What changes a meaning, and what is found.
const CHANGED: [(&str, &str); 4] = [
    ("update settings set value = '---\n- one: a\n  two: [1, 3]\n' where id = 1", "id=1 'mail' /0/two/1: 3 (was 2)"),
    ("update settings set extra = '{\"end\":2,\"a\":\"LONG\"}' where id = 2", "id=2 'long' /end: 2 (was 1)"),
    ("update settings set extra = '{\"a\":' where id = 3", "compared as texts"),
    ("update settings set extra = null where id = 1", "→ null"),
];

fn meaning() -> BTreeMap<String, TextFormat> {
    [("settings.value".to_owned(), TextFormat::Yaml), ("*.extra".to_owned(), TextFormat::Json)].into()
}

async fn read(server: &Server, before: Option<&DataState>) -> Result<DataState, String> {
    let texts = meaning().into_keys().collect();
    server.read(&TableQuery { texts, ..reading(before, &[], &[]) }).await
}

fn found(before: &DataState, now: &DataState) -> CheckReport {
    let mut report = CheckReport::new(CheckKind::Data, "data");
    let (none, elsewhere, meaning) = (BTreeSet::new(), BTreeMap::new(), meaning());
    let labels = [("settings".to_owned(), "name".to_owned())].into();
    let terms = DataTerms {
        rules: &[],
        volatile: &[],
        written: &none,
        elsewhere: &elsewhere,
        growing: &none,
        meaning: &meaning,
        labels: &labels,
    };
    judge_data(before, now, terms, &mut report);
    report.decide()
}

async fn compared(server: &Server) -> Outcome {
    let long = |sql: &str| sql.replace("LONG", &"a long text, ".repeat(1000)).replace("\\n", "\n");
    server.sql(&long(TABLE)).await?;
    let before = read(server, None).await?;
    server.sql(&long(REWRITTEN)).await?;
    let now = read(server, Some(&before)).await?;
    let report = found(&before, &now);
    ensure!(report.findings.is_empty() && report.inconclusive.is_empty(), "{report:#?}");
    let notes = report.notes.concat();
    ensure!(
        notes.contains("same meaning in value of 1 rows") && notes.contains("same meaning in extra of 2 rows"),
        "{notes}"
    );
    for (change, expected) in CHANGED {
        server.sql(&format!("drop table settings; {}", long(TABLE))).await?;
        server.sql(&long(change)).await?;
        let now = read(server, Some(&before)).await?;
        let texts: Vec<String> = found(&before, &now).findings.iter().map(ToString::to_string).collect();
        ensure!(texts.len() == 1 && texts.concat().contains(expected), "{change}: {texts:#?}");
    }
    Ok(())
}

async fn of(engine: Engine) -> Outcome {
    let server = Server::start(engine).await?;
    let done = compared(&server).await;
    server.down().await?;
    done
}

pub(crate) async fn texts_of_postgresql_are_compared_by_what_they_mean() -> Outcome {
    of(Engine::Postgresql).await
}

pub(crate) async fn texts_of_mariadb_are_compared_by_what_they_mean() -> Outcome {
    of(Engine::Mysql).await
}
