//! PostgreSQL's catalog, asked for what holds tables together.

use crate::observers::sql::dialect::StructureQueries;

pub(super) fn queries() -> StructureQueries {
    StructureQueries { items: ITEMS.to_owned(), sequences: SEQUENCES.to_owned() }
}

/// Everything but sequences, by meaning: definitions without the names that a server or a framework makes up. Names are
/// printed with their schema where it is not `public`.
const ITEMS: &str = r#"
with tables as (
  select c.oid, c.relowner, c.relacl, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
    case when n.nspname = 'public' then c.relname::text else n.nspname || '.' || c.relname end as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), stored as (select * from tables where relkind in ('r', 'p'))
select 'index', t.name,
  (select string_agg(a.attname, E'\x02') from pg_attribute a where a.attrelid = t.oid and (a.attnum = any (i.indkey)
     or a.attnum in (select d.refobjsubid from pg_depend d
                     where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refobjid = t.oid))
     and a.attnum > 0),
  null,
  case when i.indisprimary then 'primary key ' when i.indisunique then 'unique ' else '' end
    || substring(pg_get_indexdef(i.indexrelid) from ' USING (.*)$'),
  not i.indisvalid
from pg_index i join stored t on t.oid = i.indrelid
union all
select case k.contype when 'f' then 'foreign key' else 'constraint' end, t.name,
  (select string_agg(a.attname, E'\x02') from pg_attribute a where a.attrelid = t.oid and a.attnum = any (k.conkey)),
  (select r.name from stored r where r.oid = k.confrelid),
  replace(pg_get_constraintdef(k.oid), ' NOT VALID', ''), not k.convalidated
from pg_constraint k join stored t on t.oid = k.conrelid where k.contype in ('f', 'c', 'x')
union all
select 'not null', t.name, a.attname, null, 'not null', false
from pg_attribute a join stored t on t.oid = a.attrelid
where a.attnum > 0 and not a.attisdropped and a.attnotnull
union all
select 'type', t.name, a.attname, null,
  format_type(a.atttypid, a.atttypmod), false
from pg_attribute a join stored t on t.oid = a.attrelid
where a.attnum > 0 and not a.attisdropped
union all
select 'default', t.name, a.attname, null,
  case when pg_get_expr(d.adbin, d.adrelid) like 'nextval(%' then 'the next of a sequence'
       else pg_get_expr(d.adbin, d.adrelid) end, false
from pg_attrdef d join stored t on t.oid = d.adrelid
join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
union all
-- An identity does what such a default does: one in place of the other is no loss, neither of them is one.
select 'default', t.name, a.attname, null, 'the next of a sequence', false
from pg_attribute a join stored t on t.oid = a.attrelid
where a.attnum > 0 and not a.attisdropped and a.attidentity <> ''
union all
select 'trigger', t.name, null, null,
  regexp_replace(pg_get_triggerdef(g.oid), '^CREATE (CONSTRAINT )?TRIGGER ("[^"]*"|\S+) ', '')
    || case g.tgenabled when 'D' then ' (disabled)' else '' end, false
from pg_trigger g join stored t on t.oid = g.tgrelid where not g.tgisinternal
union all
select 'view', t.name, null, null, md5(pg_get_viewdef(t.oid)), false
from tables t where t.relkind in ('v', 'm')
union all
select 'privilege', t.name, null, null,
  x.privilege_type || ' for ' || case x.grantee when 0 then 'everyone' else pg_get_userbyid(x.grantee)::text end, false
from stored t, lateral aclexplode(t.relacl) x where x.grantee <> t.relowner
union all
select 'privilege', t.name, a.attname, null,
  x.privilege_type || ' of the column for ' || case x.grantee when 0 then 'everyone' else pg_get_userbyid(x.grantee)::text end, false
from stored t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped,
  lateral aclexplode(a.attacl) x
union all
select 'constraint', t.name, null, null, 'rows survive a crash: it is logged', false from stored t where t.relpersistence = 'p'
union all
select 'constraint', t.name, null, null, 'rows are guarded by policies' || case when t.relforcerowsecurity then ', for its owner too' else '' end, false
from stored t where t.relrowsecurity
union all
select 'constraint', t.name, null, null,
  'policy for ' || p.polcmd::text || case when p.polpermissive then '' else ' restrictive' end
    || ' to ' || array_to_string(array(select case r when 0 then 'everyone' else pg_get_userbyid(r)::text end from unnest(p.polroles) r order by 1), ', ')
    || coalesce(' using ' || pg_get_expr(p.polqual, p.polrelid), '')
    || coalesce(' with check ' || pg_get_expr(p.polwithcheck, p.polrelid), ''), false
from pg_policy p join stored t on t.oid = p.polrelid
union all
select 'trigger', t.name, null, null,
  regexp_replace(pg_get_ruledef(w.oid), '^CREATE RULE ("[^"]*"|\S+) AS', 'rule'), false
from pg_rewrite w join stored t on t.oid = w.ev_class
union all
select 'owner', t.name, null, null, pg_get_userbyid(t.relowner)::text, false from stored t"#;

/// Sequences, by the column they belong to (as `table.column`) or their own name, with the last value they gave out.
const SEQUENCES: &str = r#"
select coalesce(
    (select case when tn.nspname = 'public' then t.relname::text else tn.nspname || '.' || t.relname end || '.' || a.attname
     from pg_depend d join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
     join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
     where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i') limit 1),
    case when n.nspname = 'public' then c.relname::text else n.nspname || '.' || c.relname end),
  coalesce(s.last_value, 0)
from pg_sequences s join pg_namespace n on n.nspname = s.schemaname
join pg_class c on c.relname = s.sequencename and c.relnamespace = n.oid"#;
