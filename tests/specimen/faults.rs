//! What is planted, and where it has to be found.

/// A fault of the specimen, by the name that `--set fault=` takes.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// What is wrong, as somebody would write it who knows.
    pub(crate) about: &'static str,
    /// The stage that has to fail first.
    pub(crate) stage: &'static str,
    /// The kinds of checks that find it there; `settle` and `upgrade` for the stages' own steps.
    pub(crate) found_by: &'static [&'static str],
    /// Run with every change.
    pub(crate) quick: bool,
    /// The fault is one of the rollback in place, whose steps are these as JSON; the releases are without fault.
    pub(crate) rollback: Option<&'static str>,
}

impl Fault {
    /// The value of `--set fault=`.
    pub(crate) fn switch(&self) -> &'static str {
        if self.rollback.is_some() { "none" } else { self.name }
    }
}

const fn fault(
    name: &'static str,
    stage: &'static str,
    found_by: &'static [&'static str],
    about: &'static str,
) -> Fault {
    Fault { name, about, stage, found_by, quick: false, rollback: None }
}

const fn quick(fault: Fault) -> Fault {
    Fault { quick: true, ..fault }
}

const HOP_1: &str = "hop-1/check";
const HOP_2: &str = "hop-2/check";
const HOP_3: &str = "hop-3/check";

pub(crate) const FAULTS: [Fault; 29] = [
    quick(fault("token-invalid", HOP_1, &["access"], "tokens of imported accounts are compared with their capitals")),
    quick(fault("value-truncated", HOP_1, &["data"], "a few long notes lose what is beyond 255 characters")),
    fault(
        "background-stalls",
        "hop-1/settle",
        &["settle"],
        "the backfill in batches stays at row 350, the worker beats on",
    ),
    quick(fault(
        "file-forgotten",
        HOP_1,
        &["files", "artifacts"],
        "a file with an apostrophe in its name is not moved with the others",
    )),
    quick(fault("error-spam", HOP_1, &["logs"], "3000 lines of a known error hide the one that counts")),
    fault("rows-dropped", HOP_2, &["data"], "merging spellings of a tag removes links of tags that only begin alike"),
    fault("null-flipped", HOP_2, &["data"], "unknown weights become 0"),
    fault("enum-reordered", HOP_2, &["access"], "two states change places in the code, not in the rows"),
    fault("time-zone-shifted", HOP_2, &["data"], "times in UTC are taken as Berlin's as they get a zone"),
    fault("index-missing", HOP_2, &["data"], "a table that is built anew comes without its unique index"),
    fault("migration-not-idempotent", HOP_2, &["data"], "default tags are seeded again by each replica that starts"),
    fault("worker-dead", HOP_2, &["health"], "the worker's loop ends after its first job, its process stays"),
    fault("payload-unreadable", HOP_2, &["health"], "jobs that the old release wrote are skipped with a warning"),
    fault("config-key-ignored", HOP_2, &["access"], "a key is read by a new spelling only, and its default holds"),
    fault("git-sync-lies", HOP_2, &["repositories"], "a sync says success and fetches nothing"),
    fault("memory-doubled", HOP_2, &["performance"], "each replica holds 60 MiB more"),
    fault(
        "new-column-filled-wrong",
        HOP_2,
        &["data"],
        "a new column with a default holds something else in a few rows",
    ),
    fault("added-row-grants-admin", HOP_2, &["data"], "among the rights that a release adds is one too many"),
    fault("login-overwrites-preferences", HOP_2, &["data"], "whoever logs in overwrites the preferences of everybody"),
    fault("tombstones-resurrected", HOP_3, &["data"], "items deleted long ago are back"),
    fault(
        "permission-lost",
        HOP_3,
        &["data"],
        "a table that is built anew comes without the grant to the reports' role",
    ),
    fault("migration-skipped", HOP_3, &["migrations"], "one migration is left out without a word"),
    fault("health-lies", HOP_3, &["health"], "the second replica says ok and lists nothing"),
    fault("default-changed", HOP_3, &["artifacts"], "exports stop at 500 records, with status 200"),
    fault(
        "artifact-changed",
        HOP_3,
        &["files", "artifacts"],
        "line ends inside text files are rewritten, their size stays",
    ),
    fault("query-plan-lost", HOP_3, &["performance"], "a comparison as text cannot use the index any more"),
    fault("admin-application-seeded", HOP_3, &["data"], "a new table comes with an application that may do everything"),
    fault("slow-start", HOP_3, &["performance"], "a replica takes 4.5 s more to serve"),
    Fault {
        rollback: Some(DATABASE_ONLY),
        ..fault(
            "rollback-of-the-database-only",
            "rollback/check",
            &["files"],
            "the rollback restores the database, files stay where the new release put them",
        )
    },
];

/// As an operator's notes may have it: the database from the backup, and the old release again.
const DATABASE_ONLY: &str = r#"{"in-place": [
  {"stop": ["web", "web-2", "worker"]},
  {"replace": ["web", "web-2", "worker"]},
  {"exec": {"name": "pg_restore", "service": "db", "command": "psql -q -v ON_ERROR_STOP=1 -U specimen -d postgres -c 'drop database specimen with (force)' -c 'create database specimen' -c \"alter database specimen set idle_in_transaction_session_timeout = '10min'\"; pg_restore --exit-on-error --no-owner -U specimen -d specimen /tmp/specimen.dump"}},
  {"start": ["worker", "web", "web-2"]}
]}"#;
