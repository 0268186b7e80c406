//! The catalog of MariaDB and MySQL, asked for what holds tables together.

use super::quoted;
use crate::observers::sql::dialect::{Database, StructureQueries};

pub(super) async fn queries(database: &dyn Database) -> Result<StructureQueries, String> {
    let items = vec![items(database).await?, OBJECTS.to_owned()];
    Ok(StructureQueries { items, sequences: sequences(database).await? })
}

/// What holds tables together, by meaning: definitions without generated names.
const ITEMS: &str = r"
select case when s.index_name <> 'PRIMARY' and max(s.non_unique) = 0 and max(s.sub_part) is null
    and count(s.column_name) = count(*) then 'unique index' else 'index' end, s.table_name, group_concat(s.column_name order by s.seq_in_index separator '\x02'), null,
  concat(case when s.index_name = 'PRIMARY' then 'primary key ' when max(s.non_unique) = 0 then 'unique ' else '' end,
    lower(max(s.index_type)), ' (', group_concat(concat(s.column_name, coalesce(concat('(', s.sub_part, ')'), ''),
      if(s.collation = 'D', ' desc', '')) order by s.seq_in_index separator ', '), ')'), 'f'
from information_schema.statistics s
where s.table_schema = database() group by s.table_name, s.index_name
union all
select 'foreign key', k.table_name, group_concat(k.column_name order by k.ordinal_position separator '\x02'),
  max(k.referenced_table_name),
  concat('FOREIGN KEY (', group_concat(k.column_name order by k.ordinal_position separator ', '), ') REFERENCES ',
    max(k.referenced_table_name), '(', group_concat(k.referenced_column_name order by k.ordinal_position separator ', '),
    ') on update ', lower(max(r.update_rule)), ' on delete ', lower(max(r.delete_rule))), 'f'
from information_schema.key_column_usage k join information_schema.referential_constraints r
  on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name and r.table_name = k.table_name
where k.table_schema = database() and k.referenced_table_name is not null group by k.table_name, k.constraint_name
union all
select 'constraint', t.table_name, null, null, concat('CHECK (', c.check_clause, ')'), 'f'
from information_schema.table_constraints t join information_schema.check_constraints c
  on c.constraint_schema = t.constraint_schema and c.constraint_name = t.constraint_name CHECK_OF_TABLE
where t.table_schema = database() and t.constraint_type = 'CHECK'
union all
select 'not null', c.table_name, c.column_name, null, 'not null', 'f' from information_schema.columns c
join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
where c.table_schema = database() and c.is_nullable = 'NO' and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED')
union all
select 'type', c.table_name, c.column_name, null,
  concat_ws(' ', c.column_type, nullif(c.collation_name, ''), nullif(trim(replace(c.extra, 'auto_increment', '')), '')), 'f'
from information_schema.columns c
join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
where c.table_schema = database() and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED')
union all
select 'default', c.table_name, c.column_name, null, c.column_default, 'f' from information_schema.columns c
join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
where c.table_schema = database() and c.column_default is not null and c.column_default <> 'NULL'
  and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED')
union all
select 'default', c.table_name, c.column_name, null, 'the next of a sequence', 'f' from information_schema.columns c
join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
where c.table_schema = database() and c.extra like '%auto_increment%'
  and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED')
union all
select 'trigger', g.event_object_table, null, null,
  concat_ws(' ', g.action_timing, g.event_manipulation, g.action_statement), 'f'
from information_schema.triggers g where g.event_object_schema = database()
union all
select 'view', v.table_name, null, null, md5(v.view_definition), 'f'
from information_schema.views v where v.table_schema = database()
union all
select 'privilege', p.table_name, null, null, concat(p.privilege_type, ' for ', p.grantee), 'f'
from information_schema.table_privileges p where p.table_schema = database()
union all
select 'privilege', p.table_name, p.column_name, null, concat(p.privilege_type, ' of the column for ', p.grantee), 'f'
from information_schema.column_privileges p where p.table_schema = database()";

/// What stands beside the tables. Users and their rights on the database are seen as far as the role that reads may.
const OBJECTS: &str = r"
select 'routine', r.routine_name, null, null,
  concat(lower(r.routine_type), coalesce(concat(' that returns ', r.dtd_identifier), ''), ', ', lower(r.sql_data_access), ', ',
    if(r.is_deterministic = 'YES', 'deterministic', 'not deterministic'), ', with the rights of its ', lower(r.security_type),
    ', body ', left(md5(r.routine_definition), 12)), 'f'
from information_schema.routines r where r.routine_schema = database()
union all
select 'event', e.event_name, null, null,
  concat(lower(e.status), ', ', coalesce(concat('every ', e.interval_value, ' ', lower(e.interval_field)), concat('at ', e.execute_at)),
    ', body ', left(md5(e.event_definition), 12)), 'f'
from information_schema.events e where e.event_schema = database()
union all
select 'setting', 'database', null, null, concat('characters ', s.default_character_set_name, ', collation ', s.default_collation_name), 'f'
from information_schema.schemata s where s.schema_name = database()
union all
select 'role', p.grantee, null, null, lower(p.privilege_type), 'f' from information_schema.user_privileges p
where p.grantee not like '''mysql.%' and p.grantee not like '''mariadb.%'
union all
select 'role', p.grantee, null, null, concat(lower(p.privilege_type), ' on the database'), 'f'
from information_schema.schema_privileges p where p.table_schema = database()";

/// MariaDB names a check within its table, MySQL within the schema.
const CHECK_OF_TABLE: &str = "and c.table_name = t.table_name";

/// Counters of tables: the next number, less one.
const COUNTERS: &str = "select concat(c.table_name, '.', c.column_name), t.auto_increment - 1 \
     from information_schema.tables t join information_schema.columns c \
     on c.table_schema = t.table_schema and c.table_name = t.table_name and c.extra like '%auto_increment%' \
     where t.table_schema = database() and t.auto_increment is not null";

/// Sequences of MariaDB, each to be asked by itself.
const SEQUENCES: &str = "select table_name from information_schema.tables \
     where table_schema = database() and table_type = 'SEQUENCE'";

async fn items(database: &dyn Database) -> Result<String, String> {
    let version = database.query("select version()").await?;
    let mariadb = version.value().is_some_and(|version| version.contains("MariaDB"));
    let of_table = if mariadb { CHECK_OF_TABLE } else { "" };
    Ok(ITEMS.replace("CHECK_OF_TABLE", of_table).replace("\\x02", "\u{2}"))
}

/// A sequence is a table of one row, which has to be asked by itself.
async fn sequences(database: &dyn Database) -> Result<String, String> {
    let mut sql = COUNTERS.to_owned();
    for row in database.query(SEQUENCES).await?.rows {
        if let [Some(name)] = row.as_slice() {
            let (text, name) = (name.replace('\'', "''"), quoted(name));
            sql.push_str(&format!(" union all select '{text}', next_not_cached_value - 1 from {name}"));
        }
    }
    Ok(sql)
}
