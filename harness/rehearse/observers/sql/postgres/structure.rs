//! PostgreSQL's catalog, asked for what holds tables together.

use crate::observers::sql::dialect::StructureQueries;

pub(super) fn queries() -> StructureQueries {
    StructureQueries { items: vec![ITEMS.to_owned(), OBJECTS.to_owned()], sequences: SEQUENCES.to_owned() }
}

/// What holds tables together, by meaning: definitions without the names that a server or a framework makes up. Names are
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
select case when i.indisunique and not i.indisprimary and i.indexprs is null and i.indpred is null
  then 'unique index' else 'index' end, t.name,
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
-- Whoever a view belongs to, with their rights it is read.
select 'view', t.name, null, null, 'owned by ' || pg_get_userbyid(t.relowner), false
from tables t where t.relkind in ('v', 'm')
union all
select 'view', t.name, null, null,
  x.privilege_type || ' for ' || case x.grantee when 0 then 'everyone' else pg_get_userbyid(x.grantee)::text end, false
from tables t, lateral aclexplode(t.relacl) x where t.relkind in ('v', 'm') and x.grantee <> t.relowner
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
select 'owner', t.name, null, null, pg_get_userbyid(t.relowner)::text, false from stored t
union all
select 'collation', t.name, a.attname, null, o.collname::text || coalesce(' of ' || nullif(o.collcollate, ''), ''), false
from pg_attribute a join stored t on t.oid = a.attrelid join pg_type y on y.oid = a.atttypid
join pg_collation o on o.oid = a.attcollation
where a.attnum > 0 and not a.attisdropped and a.attcollation <> y.typcollation
union all
select 'view', t.name, null, null, 'it holds rows', false from tables t
where case when (select c.relkind = 'm' and c.relispopulated from pg_class c where c.oid = t.oid)
  then (xpath('/table/row/some/text()', query_to_xml(format('select exists(select from %s) as some', t.oid::regclass), true, false, '')))[1]::text
       = 'true' end"#;

/// What stands beside the tables.
const OBJECTS: &str = r#"
with schemas as (
  select n.oid, n.nspname::text as name, n.nspacl, n.nspowner from pg_namespace n
  where n.nspname <> 'information_schema' and n.nspname not like 'pg\_%'
), extended as (
  select d.classid, d.objid from pg_depend d where d.deptype = 'e'
), own_types as (
  select y.*, case when s.name = 'public' then y.typname::text else s.name || '.' || y.typname end as name
  from pg_type y join schemas s on s.oid = y.typnamespace
  where not exists (select from extended e where e.classid = 'pg_type'::regclass and e.objid = y.oid)
), routines as (
  select p.*, case when s.name = 'public' then '' else s.name || '.' end || p.proname || '('
    || pg_get_function_identity_arguments(p.oid) || ')' as name
  from pg_proc p join schemas s on s.oid = p.pronamespace
  where not exists (select from extended e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
), sequences as (
  select p.*, c.relacl, c.relowner, o.column_name, coalesce(o.table_name,
    case when s.name = 'public' then c.relname::text else s.name || '.' || c.relname end) as table_name
  from pg_sequences p join schemas s on s.name = p.schemaname
  join pg_class c on c.relname = p.sequencename and c.relnamespace = s.oid
  left join lateral (
    select case when tn.nspname = 'public' then t.relname::text else tn.nspname || '.' || t.relname end as table_name,
      a.attname::text as column_name
    from pg_depend d join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
    join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i') limit 1) o on true
), roles as (select r.*, r.rolname::text as name from pg_roles r where r.rolname not like 'pg\_%')
select 'routine', r.name, null, null,
  case r.prokind when 'p' then 'procedure' when 'a' then 'aggregate' when 'w' then 'window function' else 'function' end
    || coalesce(' that returns ' || pg_get_function_result(r.oid), '') || ', '
    || case r.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end
    || case when r.prosecdef then ', with the rights of its owner' else '' end || case when r.proisstrict then ', strict' else '' end
    || coalesce(', set ' || array_to_string(r.proconfig, ', '), '')
    || ', body ' || left(md5(coalesce(r.prosrc, '')), 12), false
from routines r
union all
select 'routine', r.name, null, null,
  x.privilege_type || ' for ' || case x.grantee when 0 then 'everyone' else pg_get_userbyid(x.grantee)::text end, false
from routines r, lateral aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) x where x.grantee <> r.proowner
union all
select 'user type', y.name, null, null, 'label ' || quote_literal(e.enumlabel), false
from own_types y join pg_enum e on e.enumtypid = y.oid
union all
select 'user type', y.name, null, null, 'domain of ' || format_type(y.typbasetype, y.typtypmod)
  || case when y.typnotnull then ', not null' else '' end || coalesce(', default ' || y.typdefault, ''), false
from own_types y where y.typtype = 'd'
union all
select 'user type', y.name, null, null, replace(pg_get_constraintdef(k.oid), ' NOT VALID', ''), not k.convalidated
from pg_constraint k join own_types y on y.oid = k.contypid
union all
select 'user type', y.name, null, null, 'part ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod), false
from own_types y join pg_class c on c.oid = y.typrelid and c.relkind = 'c'
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
union all
select 'sequence', q.table_name, q.column_name, null,
  q.data_type::text || ' from ' || q.min_value || ' to ' || q.max_value || ' by ' || q.increment_by
    || case when q.cycle then ', then from the start' else '' end, false
from sequences q
union all
select 'sequence', q.table_name, q.column_name, null, 'owned by ' || q.sequenceowner, false from sequences q
union all
select 'sequence', q.table_name, q.column_name, null,
  x.privilege_type || ' for ' || case x.grantee when 0 then 'everyone' else pg_get_userbyid(x.grantee)::text end, false
from sequences q, lateral aclexplode(q.relacl) x where x.grantee <> q.relowner
union all
select 'schema', s.name, null, null, 'it exists', false from schemas s
union all
select 'schema', s.name, null, null,
  x.privilege_type || ' for ' || case x.grantee when 0 then 'everyone' else pg_get_userbyid(x.grantee)::text end, false
from schemas s, lateral aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) x where x.grantee <> s.nspowner
union all
select 'extension', e.extname::text, null, null, 'it is installed', false from pg_extension e
union all
select 'role', r.name, null, null, trait, false from roles r, lateral (values
    ('it exists', true), ('can log in', r.rolcanlogin), ('superuser', r.rolsuper), ('may create roles', r.rolcreaterole),
    ('may create databases', r.rolcreatedb), ('may replicate', r.rolreplication), ('bypasses policies', r.rolbypassrls),
    ('inherits rights', r.rolinherit), ('at most ' || r.rolconnlimit || ' sessions', r.rolconnlimit >= 0),
    ('until ' || r.rolvaliduntil, r.rolvaliduntil is not null)) traits (trait, holds) where holds
union all
select 'role', m.member::regrole::text, null, null, 'member of ' || m.roleid::regrole::text, false
from pg_auth_members m join roles r on r.oid = m.member
union all
select 'setting', coalesce(r.name, 'everybody'), null, null, setting, false
from pg_db_role_setting g left join roles r on r.oid = g.setrole, unnest(g.setconfig) setting
where g.setdatabase in (0, (select oid from pg_database where datname = current_database()))
union all
select 'setting', 'database', null, null,
  'encoding ' || pg_encoding_to_char(d.encoding) || ', collation ' || d.datcollate || ', characters ' || d.datctype, false
from pg_database d where d.datname = current_database()
union all
select 'setting', 'database', null, null,
  x.privilege_type || ' for ' || case x.grantee when 0 then 'everyone' else pg_get_userbyid(x.grantee)::text end, false
from pg_database d, lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
where d.datname = current_database() and x.grantee <> d.datdba
union all
select 'large object', m.oid::text, null, null, 'it exists, owned by ' || pg_get_userbyid(m.lomowner), false
from pg_largeobject_metadata m
union all
select 'event', g.evtname::text, null, null, 'event trigger on ' || g.evtevent || case g.evtenabled when 'D' then ' (disabled)' else '' end, false
from pg_event_trigger g
union all
select 'event', p.pubname::text, null, null, 'publication' || case when p.puballtables then ' of all tables' else '' end, false
from pg_publication p
union all
select 'event', t.pubname::text, null, null, 'publishes ' || t.schemaname || '.' || t.tablename, false
from pg_publication_tables t"#;

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
