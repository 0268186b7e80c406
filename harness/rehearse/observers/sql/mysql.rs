//! MariaDB and MySQL, by `mariadb` or `mysql`, whichever is beside the server.

mod mutation;
mod refusal;
mod structure;

use std::collections::BTreeMap;
use std::fmt::Write;

use futures_util::future::{BoxFuture, FutureExt};
use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;
use rehearse_core::observation::{NULL, OWN_STATEMENT, Rows, Unread};

use crate::engine::host::{Command, Stdin};
use crate::engine::observer::DatabaseTarget;

use super::dialect::{Database, Dialect, StructureQueries};
use super::output::Output;
use super::own;
use super::part::{ALIAS, Part, Value};

/// What messages call the client.
const PROGRAM: &str = "the client";

/// MariaDB and MySQL.
pub(super) struct Mysql;

impl Dialect for Mysql {
    fn command(&self, target: &DatabaseTarget, sql: Option<String>) -> Command {
        command(target, sql)
    }

    fn single(&self, sql: &str) -> String {
        format!("{SETTINGS}{}\n;\n", own(sql))
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
        // A database is what another server calls a schema, and no other one is read.
        ""
    }

    fn quoted(&self, name: &str) -> String {
        quoted(name)
    }

    fn is_constant(&self, default: &str) -> bool {
        CONSTANT.is_match(default)
    }

    fn differs(&self, column: &Value, expression: &str) -> String {
        let sql = &column.sql;
        if TEXTS.contains(&column.of_type.as_str()) {
            // Collations take different texts for equal ones, and add spaces.
            let bytes = |sql: &str| format!("hex(convert({sql} using utf8mb4))");
            return format!("not ({} <=> {})", bytes(sql), bytes(&format!("({expression})")));
        }
        format!("not ({sql} <=> ({expression}))")
    }

    fn script(&self, parts: &[Part]) -> String {
        script(parts)
    }

    fn mark(&self) -> &'static str {
        // Every cell begins with `=` or `!`.
        "@"
    }

    fn row(&self, line: &str) -> Box<str> {
        let cell = |cell: &str| cell.strip_prefix('=').unwrap_or(NULL).to_owned();
        line.split('\t').map(cell).collect::<Vec<_>>().join("\t").into()
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

    fn structure<'a>(&'a self, database: &'a dyn Database) -> BoxFuture<'a, Result<StructureQueries, String>> {
        structure::queries(database).boxed()
    }
}

/// The client of MariaDB 11 has no other name than `mariadb`, that of MySQL none but `mysql`. What is asked comes by
/// standard input. `--batch` escapes tabs, line ends and backslashes.
const CLIENT: &str = r#"client=mariadb; command -v mariadb > /dev/null || client=mysql; exec "$client" "$@""#;

fn command(target: &DatabaseTarget, sql: Option<String>) -> Command {
    let argv = ["sh", "-c", CLIENT, "client", "--no-defaults", "--batch", "--skip-column-names", "--quick"];
    // What it has read is not to wait in it for more.
    let unbuffered = "--unbuffered".to_owned();
    let mut argv: Vec<String> = argv.map(str::to_owned).to_vec();
    argv.extend([
        unbuffered,
        // By default, the client takes away the comment by which the server's log shows that a statement is ours.
        "--comments".to_owned(),
        format!("--user={}", target.user),
        "--default-character-set=utf8mb4".to_owned(),
        target.name.clone(),
    ]);
    argv.splice(8..8, target.host.iter().map(|host| format!("--host={host}")));
    let env = target.password.iter().map(|password| ("MYSQL_PWD".to_owned(), password.clone()));
    let stdin = sql.map(|sql| Stdin::Bytes(sql.into_bytes()));
    let user = target.run_as.clone();
    Command { argv, env: env.collect::<BTreeMap<_, _>>(), user, stdin, ..Command::default() }
}

/// The text of a value must not depend on the settings of the server. No value is cut silently, and `||` in an
/// expression of a rule stays what the product's own sessions make of it.
const SETTINGS: &str = "set time_zone = '+00:00'; set group_concat_max_len = 1048576;\n";

/// A transaction that the statement leaves open is over before the second mark: what it sees would not change any more.
fn marked(sql: &str, mark: &str) -> String {
    format!("{SETTINGS}{}\n;\nselect '{mark}';\nrollback;\nselect '{mark} rested';\n", own(sql))
}

fn rows(output: &Output) -> Result<Rows, String> {
    let text = output.text(b"\t\n")?;
    let rows = text.lines().map(|line| line.split('\t').map(value).collect());
    Ok(Rows { rows: rows.collect() })
}

/// A printed value without its escapes. A null is printed as this word: a text of just this word is taken for one.
fn value(printed: &str) -> Option<String> {
    if printed == "NULL" {
        return None;
    }
    let mut text = String::with_capacity(printed.len());
    let mut characters = printed.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    Some(text)
}

/// Our own is the one that asks: those of waits are closed as their wait ends.
const SESSIONS: &str = "select count(*) from information_schema.processlist \
     where db = database() and id <> connection_id() and command not in ('Daemon', 'Binlog Dump')";

const COLUMNS: &str = "select '', c.table_name, c.column_name, \
     if(k.column_name is null, 'f', 't'), c.data_type, \
     if(version() like '%MariaDB%' or c.extra like '%DEFAULT_GENERATED%', c.column_default, quote(c.column_default)) \
     from information_schema.columns c join information_schema.tables t \
     on t.table_schema = c.table_schema and t.table_name = c.table_name \
     left join information_schema.key_column_usage k on k.table_schema = c.table_schema \
     and k.table_name = c.table_name and k.column_name = c.column_name and k.constraint_name = 'PRIMARY' \
     where c.table_schema = database() and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED') \
     order by c.table_name, c.ordinal_position";

/// A literal: `'new'`, `0.00`, `b'1'`, `_utf8mb4'new'`. MySQL alone has a default of a text without quotes, which is quoted.
static CONSTANT: Lazy<Regex> =
    lazy_regex!(r"^(?:(?:_\w+|[bx])?'(?:[^'\\]|''|\\.)*'|-?[0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?)$");

/// Types whose values are compared with regard to a collation.
const TEXTS: [&str; 9] = ["char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"];

fn script(parts: &[Part]) -> String {
    let mut sql = format!(
        "{SETTINGS}set transaction isolation level repeatable read;\nstart transaction with consistent snapshot, read only;\n"
    );
    for (index, part) in parts.iter().enumerate() {
        let whole = if part.key.is_empty() { sum(&texts(&part.columns)) } else { "'-'".to_owned() };
        let top = match part.key.as_slice() {
            [key] if part.numbered => format!("coalesce(max({}), '-')", key.sql),
            _ => "'-'".to_owned(),
        };
        let (clause, table) = (part.clause(), &part.table);
        let key = texts(&part.key);
        let each: Vec<String> =
            part.columns.iter().map(|value| sum(&[vec![text(value)], key.clone()].concat())).collect();
        let sums = if each.is_empty() { "'-'".to_owned() } else { format!("concat_ws(',', {})", each.join(", ")) };
        // Writing to a string cannot fail.
        let _ = write!(
            sql,
            "{OWN_STATEMENT} select count(*), concat_ws(' ', '@s', {index}, count(*), {sums}, {whole}, {top}) into @rows, @said \
             from {table} {ALIAS}{clause};\nselect @said;\n"
        );
        if part.most > 0 {
            let cells: Vec<String> = part.columns.iter().map(cell).collect();
            let (most, cells) = (part.most, cells.join(", "));
            let small = if clause.is_empty() { "where" } else { "and" };
            let _ = write!(
                sql,
                "select '@r {index}' from dual where @rows <= {most};\n\
                 {OWN_STATEMENT} select {cells} from {table} {ALIAS}{clause} {small} @rows <= {most};\n\
                 select '@e {index}' from dual where @rows <= {most};\n"
            );
        }
    }
    sql.push_str("commit;\nselect '@z';\n");
    sql
}

/// Types whose values are bytes and no text.
const BYTES: [&str; 8] = ["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "geometry"];

/// A value as text: bytes in hexadecimal, a float with all its digits.
fn plain(value: &Value) -> String {
    let sql = &value.sql;
    match value.of_type.as_str() {
        of_type if BYTES.contains(&of_type) => format!("hex({sql})"),
        "float" => format!("cast(cast({sql} as double) as char character set utf8mb4)"),
        _ => format!("cast({sql} as char character set utf8mb4)"),
    }
}

/// A value as text that is never null: an empty one and a null are different texts.
fn text(value: &Value) -> String {
    let plain = plain(value);
    format!("coalesce(concat('=', {plain}), '!')")
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(text).collect()
}

/// A cell of a kept row.
fn cell(value: &Value) -> String {
    let (plain, most) = (plain(value), value.short());
    format!(
        "coalesce(concat('=', if(char_length({plain}) <= {most}, {plain}, \
         concat(left({plain}, {most}), char(1), char_length({plain}), char(1), md5({plain})))), '!')"
    )
}

/// The sum over all rows of half an MD5 over these texts, each with its length before it, so that none can reach into
/// the next. The sum of a bigint is a decimal here and cannot overflow; chance cancels a change once in 2^64.
fn sum(texts: &[String]) -> String {
    let each: Vec<String> = texts.iter().map(|text| format!("char_length({text}), ':', {text}")).collect();
    format!("coalesce(sum(cast(conv(left(md5(concat({})), 16), 16, 10) as unsigned)), 0)", each.join(", "))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
