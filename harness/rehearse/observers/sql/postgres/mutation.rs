//! Changes of a PostgreSQL database, planted on purpose.

use super::quoted;
use crate::observers::sql::mutation::is_text;
use crate::observers::sql::part::{ALIAS, Value};

/// Another value of the same type and, where that is possible, of the same length.
pub(super) fn changed(value: &Value) -> Option<String> {
    let column = format!("{ALIAS}.{}", quoted(&value.name));
    let of_type = value.of_type.as_str();
    if is_text(of_type) && !of_type.ends_with("[]") {
        let other = format!("case when left({column}::text, 1) = 'R' then 'S' else 'R' end");
        return Some(format!("overlay({column}::text placing {other} from 1 for 1)"));
    }
    Some(match of_type {
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => format!("{column} + 1"),
        "boolean" => format!("not {column}"),
        "date" => format!("{column} + 1"),
        "timestamp without time zone" | "timestamp with time zone" => format!("{column} + interval '1 day'"),
        "time without time zone" | "time with time zone" | "interval" => format!("{column} + interval '1 minute'"),
        "json" | "jsonb" => "'{\"rehearse\": \"planted\"}'".to_owned(),
        "bytea" => format!("set_byte({column}, 0, (get_byte({column}, 0) + 1) % 256)"),
        "uuid" => format!("md5({column}::text)::uuid"),
        "inet" => format!("{column} + 1"),
        _ => return None,
    })
}

/// Changes the value in one row that has one.
pub(super) fn update(table: &str, value: &Value, changed: &str) -> String {
    let column = quoted(&value.name);
    let filled = if is_text(&value.of_type) || value.of_type == "bytea" {
        format!("length({ALIAS}.{column}) > 0")
    } else {
        format!("{ALIAS}.{column} is not null")
    };
    format!(
        "with planted as (update only {table} {ALIAS} set {column} = {changed} where {ALIAS}.ctid = \
         (select {ALIAS}.ctid from only {table} {ALIAS} where {filled} order by {ALIAS}.ctid limit 1) returning 1) \
         select count(*) from planted"
    )
}

/// Deletes one row: without regard to what refers to it where the role may do so, otherwise the last one or the first one.
pub(super) fn deletions(table: &str) -> Vec<String> {
    let delete = |order: &str| {
        format!(
            "with planted as (delete from only {table} where ctid = \
             (select ctid from only {table} order by ctid {order} limit 1) returning 1) select count(*) from planted"
        )
    };
    let alone = format!("set session_replication_role = replica; {}", delete("desc"));
    vec![alone, delete("desc"), delete("asc")]
}

/// Returns rows of a kind of change, the table or object that it changes, and the statement that makes it.
pub(super) const OBJECT_CHANGES: &str = r#"
with tables as (
  select c.oid, c.oid::regclass::text as sql,
    case when n.nspname = 'public' then c.relname::text else n.nspname || '.' || c.relname end as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname not like 'pg\_%'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), columns as (
  select t.name, t.sql, t.oid, a.attnum, quote_ident(a.attname) as attname, a.atttypid, a.attnotnull, a.attidentity
  from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
), changes (kind, name, statement) as (
  select 'index lost', t.name, format('drop index %s', i.indexrelid::regclass)
  from pg_index i join tables t on t.oid = i.indrelid
  where not exists (select from pg_constraint k where k.conindid = i.indexrelid)
  union all
  select case k.contype when 'f' then 'foreign key lost' else 'constraint lost' end, t.name,
    format('alter table %s drop constraint %I', t.sql, k.conname)
  from pg_constraint k join tables t on t.oid = k.conrelid where k.contype in ('f', 'c', 'u', 'x')
  union all
  select 'default lost', c.name, format('alter table %s alter column %s drop default', c.sql, c.attname)
  from columns c join pg_attrdef d on d.adrelid = c.oid and d.adnum = c.attnum
  union all
  select 'not null lost', c.name, format('alter table %s alter column %s drop not null', c.sql, c.attname)
  from columns c where c.attnotnull and c.attidentity = ''
    and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and c.attnum = any (i.indkey))
  union all
  select 'column narrowed', c.name, format('alter table %s alter column %s type varchar(2000)', c.sql, c.attname)
  from columns c where c.atttypid = 'text'::regtype
  union all
  select 'trigger added', t.name, format(
    'create or replace function rehearse_planted() returns trigger language plpgsql as $planted$ begin return null; end $planted$; '
    'create trigger rehearse_planted before insert on %s for each row execute function rehearse_planted()', t.sql)
  from tables t
  union all
  select 'right granted', t.name, format('grant all on %s to public', t.sql) from tables t
  union all
  select 'view lost', case when n.nspname = 'public' then v.relname::text else n.nspname || '.' || v.relname end,
    format('drop %s %s cascade', case v.relkind when 'm' then 'materialized view' else 'view' end, v.oid::regclass)
  from pg_class v join pg_namespace n on n.oid = v.relnamespace
  where v.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = v.oid and d.deptype = 'e')
  union all
  select 'routine changed', case when n.nspname = 'public' then '' else n.nspname || '.' end || p.proname || '('
      || pg_get_function_identity_arguments(p.oid) || ')',
    format('alter %s %s(%s) set work_mem = ''1MB''', case p.prokind when 'p' then 'procedure' else 'function' end,
      p.oid::regproc, pg_get_function_identity_arguments(p.oid))
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname not in ('pg_catalog', 'information_schema') and p.prokind in ('f', 'p')
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  union all
  select 'sequence limited', coalesce(
      (select t.name from pg_depend d join tables t on t.oid = d.refobjid
       where d.classid = 'pg_class'::regclass and d.objid = s.oid and d.deptype in ('a', 'i') limit 1),
      case when n.nspname = 'public' then s.relname::text else n.nspname || '.' || s.relname end),
    format('alter sequence %s maxvalue %s', s.oid::regclass,
      coalesce((select q.last_value from pg_sequences q where q.schemaname = n.nspname and q.sequencename = s.relname), 0) + 1000)
  from pg_class s join pg_namespace n on n.oid = s.relnamespace where s.relkind = 'S'
    and n.nspname not in ('pg_catalog', 'information_schema')
  union all
  select 'role added', 'rehearse_planted', 'create role rehearse_planted superuser login'
  union all
  select 'setting changed', 'everybody', format('alter database %I set work_mem = ''1MB''', current_database())
)
select kind, name, statement || '; select 1' from changes order by kind, md5(statement)"#;
