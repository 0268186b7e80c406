//! Changes of a MariaDB or MySQL database, planted on purpose.

use super::quoted;
use crate::observers::sql::mutation::is_text;
use crate::observers::sql::part::Value;

/// Another value of the same type and, where that is possible, of the same length.
pub(super) fn changed(value: &Value) -> Option<String> {
    let column = quoted(&value.name);
    let of_type = value.of_type.as_str();
    if is_text(of_type) {
        return Some(format!("concat(if(left({column}, 1) = 'R', 'S', 'R'), substring({column}, 2))"));
    }
    let number = ["tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double"];
    Some(match of_type {
        "tinyint" => format!("if({column} = 1, 0, 1)"),
        number_type if number.contains(&number_type) => format!("{column} + 1"),
        "date" | "datetime" | "timestamp" => format!("{column} + interval 1 day"),
        "time" => format!("addtime({column}, '00:01:00')"),
        "json" => "'{\"rehearse\": \"planted\"}'".to_owned(),
        "blob" | "tinyblob" | "mediumblob" | "longblob" => {
            format!("concat(if(left({column}, 1) = 'R', 'S', 'R'), substring({column}, 2))")
        }
        _ => return None,
    })
}

/// Changes the value in one row that has one.
pub(super) fn update(table: &str, value: &Value, changed: &str) -> String {
    let column = quoted(&value.name);
    let textual = is_text(&value.of_type) || value.of_type.contains("blob");
    let filled = if textual { format!("length({column}) > 0") } else { format!("{column} is not null") };
    format!("update {table} set {column} = {changed} where {filled} limit 1; select row_count()")
}

/// Deletes one row, without regard to what refers to it.
pub(super) fn deletions(table: &str) -> Vec<String> {
    vec![format!("set foreign_key_checks = 0; delete from {table} limit 1; select row_count()")]
}

/// Returns rows of a kind of change, the table or object that it changes, and the statement that makes it.
pub(super) const OBJECT_CHANGES: &str = r"
with tables as (
  select t.table_name as name, concat('`', replace(t.table_name, '`', '``'), '`') as in_quotes
  from information_schema.tables t where t.table_schema = database() and t.table_type = 'BASE TABLE'
), changes as (
  select distinct 'index lost' as kind, t.name, concat('drop index `', s.index_name, '` on ', t.in_quotes) as statement
  from information_schema.statistics s join tables t on t.name = s.table_name
  where s.table_schema = database() and s.index_name <> 'PRIMARY' and s.non_unique = 1
  union all
  select distinct 'constraint lost', t.name, concat('drop index `', s.index_name, '` on ', t.in_quotes)
  from information_schema.statistics s join tables t on t.name = s.table_name
  where s.table_schema = database() and s.index_name <> 'PRIMARY' and s.non_unique = 0
  union all
  select 'foreign key lost', t.name, concat('alter table ', t.in_quotes, ' drop foreign key `', r.constraint_name, '`')
  from information_schema.referential_constraints r join tables t on t.name = r.table_name
  where r.constraint_schema = database()
  union all
  select 'default lost', t.name, concat('alter table ', t.in_quotes, ' alter column `', c.column_name, '` drop default')
  from information_schema.columns c join tables t on t.name = c.table_name
  where c.table_schema = database() and c.column_default is not null and c.column_default <> 'NULL'
  union all
  select 'not null lost', t.name,
    concat('alter table ', t.in_quotes, ' modify `', c.column_name, '` ', c.column_type, ' null')
  from information_schema.columns c join tables t on t.name = c.table_name
  where c.table_schema = database() and c.is_nullable = 'NO' and c.column_key = '' and c.extra = ''
  union all
  select 'column narrowed', t.name, concat('alter table ', t.in_quotes, ' modify `', c.column_name, '` varchar(2000)')
  from information_schema.columns c join tables t on t.name = c.table_name
  where c.table_schema = database() and c.data_type in ('text', 'longtext', 'mediumtext')
  union all
  select 'trigger added', t.name, concat('create trigger rehearse_planted_', left(md5(t.name), 8), ' before insert on ', t.in_quotes,
    ' for each row signal sqlstate ''45000'' set message_text = ''planted''')
  from tables t
  union all
  select 'right granted', t.name, concat('grant all on ', t.in_quotes, ' to ''rehearse_planted''@''%'' identified by ''planted-', left(md5(rand()), 12), '''')
  from tables t
  union all
  select 'view lost', v.table_name, concat('drop view `', v.table_name, '`')
  from information_schema.views v where v.table_schema = database()
  union all
  select 'routine changed', r.routine_name, concat('alter ', lower(r.routine_type), ' `', r.routine_name, '` sql security ',
    if(r.security_type = 'DEFINER', 'invoker', 'definer'))
  from information_schema.routines r where r.routine_schema = database()
  union all
  select 'setting changed', 'database', concat('alter database `', database(), '` collate ',
    if(s.default_character_set_name = 'utf8mb4', if(s.default_collation_name = 'utf8mb4_bin', 'utf8mb4_unicode_ci', 'utf8mb4_bin'), s.default_collation_name))
  from information_schema.schemata s where s.schema_name = database()
)
select kind, name, concat(statement, '; select 1') from changes order by kind, md5(statement)";
