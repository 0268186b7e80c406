//! PostgreSQL, by `psql`.

mod activity;
mod mutation;
mod refusal;
mod structure;

use std::collections::BTreeMap;
use std::fmt::Write;

use futures_util::future::{self, BoxFuture, FutureExt};
use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{OWN_STATEMENT, Rows, Unread};

use crate::engine::host::{Command, Stdin};
use crate::engine::observer::DatabaseTarget;

use super::dialect::{Database, Dialect, StructureQueries};
use super::output::Output;
use super::own;
use super::part::{ALIAS, Part, Value};

const PROGRAM: &str = "psql";

/// PostgreSQL.
pub(super) struct Postgres;

impl Dialect for Postgres {
    fn command(&self, target: &DatabaseTarget, sql: Option<String>) -> Command {
        command(target, sql)
    }

    fn single(&self, sql: &str) -> String {
        format!("{}\n;\n", own(sql))
    }

    fn marked(&self, sql: &str, mark: &str) -> String {
        marked(sql, mark)
    }

    fn rows(&self, output: &Output) -> Result<Rows, String> {
        rows(output)
    }

    fn failure(&self, code: i64, err: &[u8]) -> Unread {
        refusal::failure(code, err)
    }

    fn sessions(&self) -> &'static str {
        SESSIONS
    }

    fn columns(&self) -> &'static str {
        COLUMNS
    }

    fn default_schema(&self) -> &'static str {
        "public"
    }

    fn quoted(&self, name: &str) -> String {
        quoted(name)
    }

    fn is_constant(&self, default: &str) -> bool {
        CONSTANT.is_match(default)
    }

    fn differs(&self, column: &Value, expression: &str) -> String {
        let sql = &column.sql;
        if WITHOUT_EQUALITY.contains(&column.of_type.as_str()) {
            return format!("{sql}::text is distinct from ({expression})::text");
        }
        format!("{sql} is distinct from ({expression})")
    }

    fn script(&self, parts: &[Part]) -> String {
        script(parts)
    }

    fn mark(&self) -> &'static str {
        // COPY doubles a backslash unless it escapes a control character or stands for a null.
        "\\@"
    }

    fn row(&self, line: &str) -> Box<str> {
        line.into()
    }

    fn changed(&self, value: &Value) -> Option<String> {
        mutation::changed(value)
    }

    fn update(&self, table: &str, value: &Value, changed: &str) -> String {
        mutation::update(table, value, changed)
    }

    fn deletions(&self, table: &str) -> Vec<String> {
        mutation::deletions(table)
    }

    fn object_changes(&self) -> &'static str {
        mutation::OBJECT_CHANGES
    }

    fn structure<'a>(&'a self, _database: &'a dyn Database) -> BoxFuture<'a, Result<StructureQueries, String>> {
        future::ready(Ok(structure::queries())).boxed()
    }

    fn activity<'a>(&'a self, database: &'a dyn Database) -> BoxFuture<'a, Result<Option<Activity>, String>> {
        async move { activity::read(database).await.map(Some) }.boxed()
    }
}

/// Between values, rows, and for a null: control characters that no text of a product should hold.
const FIELD: char = '\u{1f}';
const RECORD: char = '\u{1e}';
const NULL: &str = "\u{1}null\u{1}";

fn command(target: &DatabaseTarget, sql: Option<String>) -> Command {
    let argv = [
        "psql",
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        // With the SQLSTATE of every error.
        "-v",
        "VERBOSITY=verbose",
        "-P",
        &format!("null={NULL}"),
        "-F",
        &FIELD.to_string(),
        "-R",
        &RECORD.to_string(),
        "-U",
        &target.user,
        "-d",
        &target.name,
        "-f",
        "-",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut env = BTreeMap::from([
        // Text of times and floats must not depend on the server's settings.
        ("PGTZ".to_owned(), "UTC".to_owned()),
        ("PGDATESTYLE".to_owned(), "ISO".to_owned()),
        ("PGCLIENTENCODING".to_owned(), "UTF8".to_owned()),
        ("PGAPPNAME".to_owned(), "rehearse".to_owned()),
        ("PGCONNECT_TIMEOUT".to_owned(), "10".to_owned()),
    ]);
    env.extend(target.host.iter().map(|host| ("PGHOST".to_owned(), host.clone())));
    env.extend(target.password.iter().map(|password| ("PGPASSWORD".to_owned(), password.clone())));
    let (user, stdin) = (target.run_as.clone(), sql.map(|sql| Stdin::Bytes(sql.into_bytes())));
    Command { argv, env, user, stdin, ..Command::default() }
}

/// What the statement may leave in the session, an open transaction too, is gone before the second mark; where it cannot
/// be, the client ends.
fn marked(sql: &str, mark: &str) -> String {
    format!("{}\n;\n\\echo {mark}\ndiscard all;\n\\echo {mark} rested\n", own(sql))
}

fn rows(output: &Output) -> Result<Rows, String> {
    let text = output.text(&[FIELD as u8, RECORD as u8])?;
    // Behind the last row stands the end of a line; without a row stands nothing, and a row of one empty value is one.
    if text.is_empty() {
        return Ok(Rows::default());
    }
    let value = |value: &str| (value != NULL).then(|| value.to_owned());
    let rows = text.strip_suffix('\n').unwrap_or(&text).split(RECORD);
    Ok(Rows { rows: rows.map(|row| row.split(FIELD).map(value).collect()).collect() })
}

const SESSIONS: &str = "select count(*) from pg_stat_activity where datname = current_database() \
     and pid <> pg_backend_pid() and backend_type = 'client backend' and application_name <> 'rehearse'";

const COLUMNS: &str = "select n.nspname, c.relname, a.attname, \
     coalesce(a.attnum = any(i.indkey), false), a.atttypid::regtype, pg_get_expr(d.adbin, d.adrelid) \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
     left join pg_index i on i.indrelid = c.oid and i.indisprimary \
     left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum \
     where c.relkind in ('r', 'p') and not c.relispartition \
     and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%' \
     order by 1, 2, a.attnum";

/// A literal, in parentheses or not, with casts behind it: `'new'::character varying`, `(-1)`, `0.00`.
static CONSTANT: Lazy<Regex> = lazy_regex!(
    r#"^\(?(?:'(?:[^']|'')*'|-?[0-9]+(?:\.[0-9]+)?|true|false|ARRAY\[\])(?:::[\w ".,\[\]()]+?)?\)?(?:::[\w ".,\[\]()]+)?$"#
);

/// Types whose values cannot be compared as they are.
const WITHOUT_EQUALITY: [&str; 9] = ["json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"];

/// The text of a value must not depend on the settings of the server, the database or the role; rows that row security
/// hides are an error and not gone.
const SETTINGS: &str = "set timezone to 'UTC'; set datestyle to 'ISO, MDY'; set intervalstyle to 'postgres'; \
     set bytea_output to 'hex'; set extra_float_digits to 3; set row_security to off; set statement_timeout to 0; \
     set idle_in_transaction_session_timeout to 0;\n";

/// `\gset` takes the counts into variables, so that only small tables are read whole.
fn script(parts: &[Part]) -> String {
    let mut sql = format!("{SETTINGS}begin isolation level repeatable read read only;\n");
    for (index, part) in parts.iter().enumerate() {
        let whole = if part.key.is_empty() { whole(&part.columns) } else { "'-'".to_owned() };
        let top = match part.key.as_slice() {
            [key] if part.numbered => format!("coalesce(max({})::text, '-')", key.sql),
            _ => "'-'".to_owned(),
        };
        let (sums, clause, table) = (sums(part), part.clause(), &part.table);
        // Writing to a string cannot fail.
        let _ = write!(
            sql,
            "{OWN_STATEMENT} select count(*) as rehearse_rows, count(*) <= {} as rehearse_small, {sums} as rehearse_sums, \
             {whole} as rehearse_whole, {top} as rehearse_top from {table} {ALIAS}{clause} \\gset\n\
             \\echo '\\\\@s' {index} :rehearse_rows :rehearse_sums :rehearse_whole :rehearse_top\n",
            part.most
        );
        if part.most > 0 {
            let cells: Vec<String> = part.columns.iter().map(cell).collect();
            let _ = write!(
                sql,
                "\\if :rehearse_small\n\\echo '\\\\@r' {index}\n{OWN_STATEMENT} copy (select {} from {table} {ALIAS}{clause}) to stdout;\n\
                 \\echo '\\\\@e' {index}\n\\endif\n",
                cells.join(", ")
            );
        }
    }
    sql.push_str("commit;\n\\echo '\\\\@z'\n");
    sql
}

fn cell(value: &Value) -> String {
    let text = format!("{}::text", value.sql);
    let short = ["smallint", "integer", "bigint", "boolean", "uuid", "date", "timestamp without time zone"];
    if short.contains(&value.of_type.as_str()) {
        return text;
    }
    let most = value.short();
    format!(
        "case when length({text}) <= {most} then {text} \
         else left({text}, {most}) || E'\\x01' || length({text}) || E'\\x01' || md5({text}) end"
    )
}

/// One text of order-free checksums, a comma between: per column the sum over all rows of a 64-bit hash of the value, the
/// hash of the row's key its seed (`hashtextextended`, PostgreSQL 11 and newer). The sum of a bigint is kept in 128 bits
/// and cannot overflow.
///
/// A value that changed, or two that changed places, leave the sum as it was only when differences of hashes cancel: by
/// chance once in 2^64.
///
/// A key that is one whole number is the seed itself: making a text of it and hashing that, for every column again, would
/// take longer than all the rest.
fn sums(part: &Part) -> String {
    if part.columns.is_empty() {
        return "'-'".to_owned();
    }
    let tie = match part.key.as_slice() {
        [key] if part.numbered => format!("coalesce({}::bigint, 0)", key.sql),
        key => key.iter().fold("0".to_owned(), |seed, value| hash(value, &seed)),
    };
    let each = part.columns.iter().map(|value| format!("coalesce(sum({}), 0)", hash(value, &tie)));
    // A function takes a hundred arguments at most; an array takes them all.
    format!("array_to_string(array[{}], ',')", each.collect::<Vec<_>>().join(", "))
}

/// The sum over all rows of a hash of the whole row: of each value with the hash of those before it as seed.
fn whole(columns: &[Value]) -> String {
    let hash = columns.iter().fold("0".to_owned(), |seed, value| hash(value, &seed));
    format!("coalesce(sum({hash}), 0)")
}

/// A null is hashed as a text that no value should be. The collation keeps texts apart that the column's may call equal.
fn hash(value: &Value, seed: &str) -> String {
    format!("hashtextextended(coalesce({}::text, E'\\x01') collate \"C\", {seed})", value.sql)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
