//! What bad upgrades do to the structure of a database.

use super::Grouped;

pub(super) const DEFINITIONS: &[Grouped] = grouped! {
    "function-emptied" "a function that is made again lost half of its body"
        ["structure.lost" "routine item_label(wanted integer): function*"]
    "procedure-changed" "a procedure lost its second condition"
        ["structure.lost" "routine close_loans(IN before date): procedure*"]
    "function-with-owners-rights" "a function runs with the rights of its owner"
        ["structure.lost" "routine has_text(): function*"]
    "view-changed" "a view shows fewer rows than it did"
        ["structure.lost" "view of reports.worn: *"]
    "view-emptied" "a materialised view was made again and not filled"
        ["structure.lost" "view of reports.by_shelf: it holds rows"]
    "domain-check-lost" "a domain takes any text"
        ["structure.lost" "user type shelf_mark: CHECK *"]
    "label-renamed" "a label of an enumeration that no row has yet is another word"
        ["structure.lost" "user type condition: label 'lost'"]
    "large-object-gone" "a large object is gone that a row names"
        ["structure.lost" "large object 70003: *"]
    "extension-gone" "an extension is not there any more"
        ["structure.lost" "extension unaccent: *"]
    "trigger-lost" "a trigger was not made again"
        ["structure.lost" "trigger on notes: *"]
    "trigger-disabled" "a trigger that a migration switched off stays so"
        ["structure.lost" "trigger on articles: *", "structure.harmful" "trigger on articles: *"]
    "trigger-swallows-rows" "a new trigger swallows every new row, without an error"
        ["structure.harmful" "trigger on borrowers: *"]
    "rule-swallows-rows" "a rule of the server swallows new rows of a table"
        ["structure.harmful" "trigger on queries: rule*"]
    "check-refuses-rows" "a new check refuses what people write every day"
        ["structure.harmful" "constraint on letters: CHECK *"]
    "index-invalid" "an index that was made beside the traffic failed half way"
        ["structure.invalid" "index on notes: *"]
    "foreign-key-not-valid" "a foreign key was made again and never validated"
        ["structure.invalid" "foreign key on scans: *"]
    "event-trigger-added" "an event trigger acts on every change of the schema"
        ["structure.harmful" "event every_change: *"]
};

pub(super) const RIGHTS_LOST: &[Grouped] = grouped! {
    "role-cannot-log-in" "the role that reports are made with cannot log in"
        ["structure.lost" "role specimen_report: can log in"]
    "usage-revoked" "that role may not use a schema any more"
        ["structure.lost" "schema reports: USAGE for specimen_report"]
    "view-closed" "a view that is made again comes without the grant to that role"
        ["structure.lost" "view of reports.worn: SELECT for specimen_report"]
    "sequence-closed" "that role may not take numbers any more"
        ["structure.lost" "sequence inventory_numbers: USAGE for specimen_report"]
    "function-closed" "that role may not call a function any more"
        ["structure.lost" "routine item_label(wanted integer): EXECUTE for specimen_report"]
    "role-setting-lost" "its limit for statements is gone"
        ["structure.lost" "setting specimen_report: statement_timeout=*"]
    "database-setting-changed" "idle transactions are not ended any more"
        ["structure.lost" "setting everybody: idle*", "structure.harmful" "setting everybody: idle*"]
    "policy-lost" "a policy that chose the rows a role sees is gone"
        ["structure.lost" "constraint on borrowers: policy*"]
    "row-security-off" "a table is not guarded by policies any more"
        ["structure.lost" "constraint on borrowers: rows are guarded*"]
    "table-owner-changed" "a table belongs to another role"
        ["structure.lost" "owner on notes: *", "structure.lost" "sequence notes.id: owned by *"]
    "sequence-owner-changed" "a sequence belongs to another role"
        ["structure.lost" "sequence inventory_numbers: owned by *"]
    "membership-lost" "a role is not in its group any more"
        ["structure.lost" "role specimen_report: member of specimen_curators"]
};

pub(super) const RIGHTS_GIVEN: &[Grouped] = grouped! {
    "granted-to-everyone" "everybody may do everything with a table"
        ["structure.harmful" "privilege on letters: * for everyone"]
    "superuser-added" "a role that helped an upgrade stays, as a superuser"
        ["structure.harmful" "role helper: superuser"]
    "role-becomes-superuser" "a role that was there becomes a superuser"
        ["structure.harmful" "role specimen_curators: superuser"]
    "role-joins-owner" "the role of the reports has the rights of the owner"
        ["structure.harmful" "role specimen_report: member of specimen"]
    "view-open-to-everyone" "everybody may read a view"
        ["structure.harmful" "view of reports.worn: SELECT for everyone"]
    "procedure-made-anew" "a procedure that was made anew may be called by everybody"
        ["structure.harmful" "routine close_loans(IN before date): EXECUTE for everyone"]
    "schema-open-to-everyone" "everybody may make tables in a schema"
        ["structure.harmful" "schema public: CREATE for everyone"]
    "sequence-open-to-everyone" "everybody may set a sequence"
        ["structure.harmful" "sequence inventory_numbers: UPDATE for everyone"]
    "column-open-to-stranger" "a new role may read the passwords"
        ["structure.harmful" "privilege on users: SELECT of the column for stranger"]
    "policies-bypassed" "the role of the reports is not bound by policies any more"
        ["structure.harmful" "role specimen_report: bypasses policies"]
};

pub(super) const COLUMNS: &[Grouped] = grouped! {
    "column-shortened" "titles take 120 characters at most; no row has more"
        ["structure.narrowed" "type of articles.title: *"]
    "double-to-real" "a column of doubles holds singles; every value fits"
        ["structure.narrowed" "type of scans.resolution: *"]
    "collation-changed" "names are sorted in another way"
        ["structure.lost" "collation of borrowers.name: C*"]
    "not-null-lost" "a column takes null"
        ["structure.lost" "not null of letters.subject"]
    "default-lost" "a column has no default any more"
        ["structure.lost" "default of notes.private: *"]
    "foreign-key-lost" "a foreign key was not made again"
        ["structure.lost" "foreign key on notes: *"]
    "unique-lost" "an address may be there twice"
        ["structure.lost" "index on borrowers: unique *"]
    "check-lost" "a check was not made again"
        ["structure.lost" "constraint on inspections: CHECK *"]
    "generated-column-plain" "a column that was computed keeps its values for ever"
        ["structure.lost" "default of inspections.month: *"]
    "primary-key-lost" "a table has no primary key any more"
        ["structure.lost" "index on scans: primary key *"]
    "sequence-ends-soon" "a sequence ends at 700"
        ["structure.lost" "sequence inventory_numbers: bigint *"]
    "sequence-set-back" "a sequence was set to 1: the next letter has a number that is taken"
        ["structure.sequence-went-back" "sequence of letters.id"]
    "table-unlogged" "a table loses its rows at the next crash"
        ["structure.lost" "constraint on queries: rows survive a crash*"]
};

pub(super) const NOT_BROUGHT: &[Grouped] = grouped! {
    "rights-without-key" "a table that the release brings has no primary key"
        ["fresh.structure-lacking" "index on rights: primary key*", "fresh.structure-lacking" "not null of rights.*"]
    "preferences-without-user" "a foreign key that the release brings is missing"
        ["fresh.structure-lacking" "foreign key on preferences*"]
    "preference-may-be-empty" "a column that the release brings may be empty"
        ["fresh.structure-lacking" "not null of preferences.value"]
    "documents-without-numbers" "a table that the release brings gives out no numbers"
        ["fresh.structure-lacking" "default of documents.id*"]
    "documents-narrow" "a column that the release brings is shorter than it should be"
        ["fresh.structure-lacking" "type of documents.kind*"]
    "documents-soon-full" "a sequence that the release brings ends too early"
        ["fresh.structure-lacking" "sequence documents.id*"]
};
