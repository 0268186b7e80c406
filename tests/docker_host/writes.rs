//! What probes say they write, in the tables of real servers: these rows may change, and no others.

use std::collections::{BTreeMap, BTreeSet};

use rehearse_core::check::{DataTerms, OwnWrites, RowWrite, judge_own_writes, reading};
use rehearse_core::model::product::Engine;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::DataState;
use rehearse_core::outcome::event::CheckReport;

use crate::rig::*;
use crate::tables::{Server, large};

const TABLES: &str = "
drop table if exists prefs; drop table if exists other;
create table prefs (id int primary key, owner int, name varchar(20), value text);
insert into prefs values (1, 1, 'a', 'x'), (2, 1, 'b', 'y'), (3, 2, 'a', 'z'), (4, null, 'c', null);
create table other (id int primary key); insert into other values (1);
";

/// A write to rows of the table, or of the column, where a condition holds.
type Write = (Option<&'static str>, Option<&'static str>, &'static str);

const OWN: Write = (Some("prefs"), None, "t.owner = 1");
const VALUE: Write = (None, Some("prefs.value"), "t.owner = 1");

/// Writes, a change, and what is found of it row by row and by checksums; nothing where that is empty.
const WRITES: &[(&[Write], &str, &str, &str)] = &[
    (
        &[OWN],
        "update prefs set value = 'new' where owner = 1; delete from prefs where id = 2; insert into prefs values (9, 1, 'n', 'v')",
        "",
        "",
    ),
    (
        &[OWN],
        "update prefs set value = 'new'",
        "other values in value (2: id=3 'z' → 'new'; id=4 null → 'new')",
        "other values in value",
    ),
    (&[OWN], "insert into prefs values (9, 2, 'n', 'v')", "1 row added (id=9)", "3 rows instead of 2"),
    (&[OWN], "delete from prefs where id = 4", "1 row lost (id=4)", "1 rows instead of 2"),
    (&[OWN], "update prefs set owner = 1 where id = 3", "1 row lost (id=3)", "1 rows instead of 2"),
    (&[OWN], "update prefs set owner = 2 where id = 1", "1 row added (id=1)", "3 rows instead of 2"),
    (&[OWN], "insert into other values (2)", "table other: expected the 1 rows as before", "2 rows instead of 1"),
    (&[VALUE], "update prefs set value = 'new' where owner = 1", "", ""),
    (&[VALUE], "update prefs set value = 'new'", "other values in value (2: id=3", "other values in value"),
    (&[VALUE], "update prefs set name = 'new' where owner = 1", "other values in name", "other values in name"),
    (&[VALUE], "insert into prefs values (9, 1, 'n', 'v')", "1 row added (id=9)", "5 rows instead of 4"),
    (
        &[VALUE, (None, Some("prefs.name"), "t.owner = 2")],
        "update prefs set value = 'v' where owner = 1; update prefs set name = 'n' where owner = 2",
        "",
        "",
    ),
    (
        &[VALUE, (None, Some("prefs.name"), "t.owner = 2")],
        "update prefs set name = 'n' where owner = 1",
        "other values in name (2: id=1 'a' → 'n'; id=2 'b' → 'n')",
        "other values in name",
    ),
    (&[OWN, (Some("prefs"), None, "t.owner is null")], "delete from prefs where id <> 3", "", ""),
    (
        &[(Some("prefs"), None, "t.wrong = 1")],
        "select 1",
        "unclear: table prefs: rows where (t.wrong = 1): ",
        "unclear: table prefs",
    ),
    (&[(Some("missing"), None, "t.owner = 1")], "select 1", "", ""),
];

async fn judged(server: &Server, writes: &[Write], change: &str) -> Result<[String; 2], String> {
    let writes = OwnWrites {
        names: BTreeSet::new(),
        rows: writes
            .iter()
            .map(|(table, column, condition)| RowWrite::new(*table, *column, (*condition).into()))
            .collect(),
    };
    server.sql(TABLES).await?;
    let mut query = reading(None, &[], &[]);
    query.without = writes.selections();
    let before = server.read(&query).await?;
    server.sql(change).await?;
    let mut query = reading(Some(&before), &[], &[]);
    query.without = writes.selections();
    let after = server.read(&query).await?;
    let found = |before: &DataState, after: &DataState| {
        let mut report = CheckReport::new(CheckKind::Data, "own writes");
        let (none, elsewhere) = (BTreeSet::new(), BTreeMap::new());
        let terms = DataTerms {
            rules: &[],
            volatile: &[],
            written: &none,
            elsewhere: &elsewhere,
            growing: &none,
            meaning: &BTreeMap::new(),
            labels: &BTreeMap::new(),
        };
        judge_own_writes(before, after, &writes, terms, &mut report);
        let mut text: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        text.extend(report.inconclusive.iter().map(|reason| format!("unclear: {reason}")));
        text.join("\n")
    };
    Ok([found(&before, &after), found(&large(before.clone()), &large(after.clone()))])
}

async fn judge_all(server: &Server) -> Outcome {
    let mut wrong = Vec::new();
    for (writes, change, by_row, by_sum) in WRITES {
        let found = judged(server, writes, change).await?;
        for (how, expected, found) in [("row by row", by_row, &found[0]), ("by checksums", by_sum, &found[1])] {
            if !found.contains(expected) || expected.is_empty() && !found.is_empty() {
                wrong.push(format!("{writes:?}, {change} ({how}): expected {expected}, found {found}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

async fn written(engine: Engine) -> Outcome {
    let server = Server::start(engine).await?;
    let done = judge_all(&server).await;
    server.down().await?;
    done
}

pub(crate) async fn a_probe_writes_the_rows_of_postgresql_that_it_says_and_no_others() -> Outcome {
    written(Engine::Postgresql).await
}

pub(crate) async fn a_probe_writes_the_rows_of_mariadb_that_it_says_and_no_others() -> Outcome {
    written(Engine::Mysql).await
}
