//! The codes of findings and of inconclusive reasons: what programs decide by, and what the reference explains. They are
//! stable: a code that is published keeps its meaning.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Declares an enum of codes with the text of each, what it means and what to do about it.
macro_rules! codes {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal, $meaning:literal, $remedy:literal;)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $meaning] $variant,)*
        }

        impl $name {
            /// Every code, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As in files and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What to do about it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                Self::ALL.iter().copied().find(|code| code.name() == text).ok_or_else(|| UnknownCode(text.to_owned()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let names: Vec<&str> = Self::ALL.iter().map(|code| code.name()).collect();
                json_schema!({ "type": "string", "enum": names })
            }
        }
    };
}

/// A text that is not one of the codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a known code")]
pub struct UnknownCode(pub String);

codes! {
    /// What kind of fault a finding is.
    FindingCode {
        BackupProduct = "backup.product", "The backup is of another product.", "Give a backup of the scenario's product.";
        BackupRelease = "backup.release", "The backup's release or edition differs from the one that the scenario starts from, or is not stated.", "Start the scenario from the backup's release, or give a backup of that release.";
        BackupFileMissing = "backup.file-missing", "A file that the backup must hold is missing.", "Make the backup again with that part, or put the file next to it.";
        BackupFileEmpty = "backup.file-empty", "A file of the backup is empty and must not be.", "Make the backup again.";
        BackupFileKind = "backup.file-kind", "What should be a file of the backup is not a regular file.", "Replace it with the file itself.";
        BackupChecksum = "backup.checksum", "The checksum or size of a file in the backup differs from what its manifest states.", "Copy the backup again, or make a new one.";
        BackupDamaged = "backup.damaged", "A file of the backup cannot be read to its end in the format it should have.", "Copy the backup again, or make a new one.";
        BackupUnsafe = "backup.unsafe", "An archive of the backup holds entries that must not be unpacked.", "Make the archive again without them.";
        BackupManifest = "backup.manifest", "The backup's manifest or information file is missing, cannot be read, or lacks what the product file names.", "Make the backup again, or correct the pointers in the product file.";
        BackupIncrements = "backup.increments", "An incremental backup lacks the increment that it begins with.", "Give the whole chain, or make a full backup.";
        BackupAmbiguous = "backup.ambiguous", "The folder holds no backup, or more than one.", "Name the file of one backup.";
        BackupContradiction = "backup.contradiction", "The backup's own information contradicts what the archive holds.", "Make the backup again.";
        BackupUnusable = "backup.unusable", "The backup is intact, but cannot be used as it is.", "Do what the finding says, then try again.";
        ServiceExited = "health.service-exited", "A service that should run has exited, or was never there.", "Read its log: the last lines are in the finding.";
        ServiceNotReady = "health.service-not-ready", "A service did not become ready in time.", "Read its log, or raise `ready-within` in the product file.";
        ServiceWrongImage = "health.service-wrong-image", "A service's container was made from the image of another release.", "Add the service to the `replace` step of the upgrade.";
        ServiceNotStopped = "step.service-not-stopped", "A service still runs after a `stop` step.", "Stop it in the upgrade steps, or raise its `stop-grace`.";
        SessionsLeft = "step.sessions-left", "A database still has sessions of services that were stopped.", "Stop what still uses the database.";
        WaitTimedOut = "wait.timed-out", "A condition that a step waits for was not met in time.", "Read the last observation in the finding; raise `deadline` if it is only slow.";
        WaitFailed = "wait.failed", "Background work has failed.", "Read the rows in the finding: they are the product's own record of it.";
        WaitStalled = "wait.stalled", "Background work made no progress for as long as `stalled-after` allows.", "Read the logs of the workers.";
        NoResponse = "request.no-response", "A request got no response.", "Check that the service runs, and read its log.";
        RequestRejected = "request.rejected", "The database server refused a statement.", "Read the server's message: most often the schema is not the one the statement was written for.";
        StatusUnexpected = "request.status", "The status of an HTTP response is not the expected one.", "Open the response in the evidence.";
        BodyEmpty = "request.body-empty", "A successful response has no body.", "Open the evidence; name `size` or `status` in the product file if it should be empty.";
        HeaderUnexpected = "request.header", "A header of a response is missing or does not match.", "Open the response in the evidence.";
        TextMissing = "request.text-missing", "A response lacks text that it should contain.", "Open the response in the evidence.";
        TextPresent = "request.text-present", "A response contains text that it should not contain.", "Open the response in the evidence.";
        NotJson = "request.not-json", "A response is not JSON.", "Open the response in the evidence.";
        ValueUnexpected = "request.value", "A value in a response does not match what is expected of it.", "Open the response in the evidence.";
        DigestUnexpected = "request.digest", "The bytes of a response are not the expected ones.", "Compare the bytes in the evidence.";
        ExitCode = "command.exit-code", "The exit code of a command is not the expected one.", "Read its output in the evidence.";
        StatusChanged = "request.status-changed", "The status of a response differs from the baseline.", "Open both responses in the evidence; add a rule under `changes` if it was reviewed.";
        BytesChanged = "request.bytes-changed", "The bytes of a response differ from the baseline.", "Compare both in the evidence.";
        SizeChanged = "request.size-changed", "The size of a response differs from the baseline.", "Compare both in the evidence.";
        RecordsChanged = "request.records-changed", "The records of a response differ from the baseline.", "Compare both in the evidence.";
        ValuesChanged = "request.values-changed", "JSON values of a response differ from the baseline.", "Compare both in the evidence.";
        RowsChanged = "query.rows-changed", "The rows that a query returns differ from the baseline.", "Compare both in the evidence.";
        LogInFailed = "access.log-in-failed", "An identity can no longer log in.", "Open the response in the evidence: the form may have changed, or the account.";
        NotRefused = "access.not-refused", "An identity that must be refused is let in.", "Look at the account and its permissions. On the source release, correct `refused` of the identity in the product file.";
        MigrationUnfinished = "migrations.unfinished", "A migration began and did not end.", "Read the migrator's output; a known failure names cause and remedy.";
        MigrationsPending = "migrations.pending", "The running code has migrations that the database has not recorded.", "Run the migrations; read the output of the last run.";
        MigrationsForeign = "migrations.foreign", "The database has recorded migrations that the running code does not have.", "Is the image older than the data? Add a rule under `replaced` if they were squashed.";
        MigrationsLost = "migrations.lost", "Migrations that were recorded before are no longer recorded.", "Add a rule under `replaced` if they were squashed; otherwise the record was changed by hand.";
        MigrationsUnrecorded = "migrations.unrecorded", "The migrator's output reports migrations that the database has not recorded.", "Do not trust the output: look at the database.";
        MigrationsDiffer = "migrations.differ", "The migrations after the rollback are not those of the baseline.", "The rollback did not restore the database that was backed up.";
        TablesMissing = "data.tables-missing", "The database has no tables.", "Did the restore run, and into this database?";
        TableLost = "data.table-lost", "A table is gone.", "If the release drops it, add `dropped-tables` with the reason, or `moved-rows` to prove where its rows went.";
        RowsLost = "data.rows-lost", "Rows are gone.", "Look at the rows in the evidence; add a reviewed rule if the release removes them.";
        ColumnLost = "data.column-lost", "A column is gone.", "If the release drops it, add `dropped-columns` with the reason.";
        DataChanged = "data.values-changed", "Values in rows have changed.", "Look at the rows in the evidence; add a reviewed rule if the release rewrites them.";
        RowsAdded = "data.rows-added", "There are rows that were not there before.", "Look at the rows in the evidence; add a reviewed rule if the release adds them.";
        RowsCount = "data.rows-count", "A table does not have the number of rows that the rules of the hop give.", "Correct the rule, or find the rows in the evidence.";
        SchemaBehind = "data.schema-behind", "The server does not know a table, a column or a function that a rule of this hop speaks of: the schema is not what the rule says, or the rule is wrong.", "Read the server's words; find out whether the migration was made, and correct the rule if it was.";
        TableUnexpected = "data.table-unexpected", "There is a table that was not there before and that no rule of the hop announces.", "Add `new-tables` with the reason if the release brings it; otherwise it may be left over from a failed attempt.";
        NewTableRows = "data.new-table-has-rows", "A new table holds rows that no rule of the hop announces.", "Look at the rows in the evidence; if the release brings them, say in `new-tables` which: `rows`, `where` or `from`.";
        NewColumnValues = "data.new-column-values", "A new column of a table that was there holds something else than null or its default in rows that were there.", "Look at the values; if the release fills the column, add `new-columns` with the expression that gives them.";
        RowsNotRestored = "data.rows-not-restored", "After the restore, a table does not have the number of rows that the backup's manifest states.", "The restore did not do what its exit code claims: read its output.";
        DataMore = "data.more-differences", "There are more differences than are reported one by one.", "Read all of them in the evidence.";
        StructureLost = "structure.lost", "Something of the database's structure is gone or changed.", "Add a rule under `structure` if the release removes it.";
        StructureAdded = "structure.added", "Something of the database's structure is new where nothing may differ.", "The rollback did not restore the database that was backed up.";
        StructureNarrowed = "structure.narrowed", "A column's type takes less than before.", "Find out what happens to values that no longer fit; add a rule under `structure` if the release means it.";
        StructureHarmful = "structure.harmful", "Something new in the database can do harm: a right for everyone, a superuser, a trigger or a check on a table that was there.", "Find out what made it; add a rule under `structure` if the release brings it.";
        StructureInvalid = "structure.invalid", "An index or a constraint exists but is not valid.", "Rebuild or validate it; find out why it was left like this.";
        SequenceWentBack = "structure.sequence-went-back", "A sequence has a lower value than before: numbers will be given out again.", "Set the sequence beyond the highest value in use.";
        StructureMore = "structure.more-differences", "There are more differences than are reported one by one.", "Read all of them in the evidence.";
        FileLost = "files.lost", "A file, a folder or a link of a volume is gone.", "Restore it; if the release removes it, add a reviewed rule `removed`, or `moved` to prove where it went.";
        RepositoryLost = "files.repository-lost", "A Git repository of a volume is gone.", "Restore it; add a reviewed rule `removed` or `moved` if the release does that.";
        RepositoryDamaged = "files.repository-damaged", "A Git repository can no longer be read as a whole.", "Run `git fsck` on it, and restore it.";
        RowWithoutFile = "files.row-without-file", "A row of the database names a file that is not there.", "Find the file in the backup; people get an error where they open it.";
        FileChanged = "files.content-changed", "A file has another content, or is something else now.", "Compare it with the backup; add a reviewed rule `rewritten` if the release rewrites it, or name it under `writes` of the probe that does.";
        ReferenceChanged = "files.reference-changed", "A branch, a tag or HEAD of a Git repository points elsewhere.", "Compare it with the backup; commits may be out of reach.";
        RepositorySettings = "files.repository-settings", "The configuration or a hook of a Git repository is gone, new or changed.", "Compare it with the backup; add a reviewed rule if the release does that.";
        FilePermissions = "files.permissions-changed", "A file or folder has another mode or owner.", "Compare it with the backup; the product may no longer be able to read it, or others may.";
        FileMoved = "files.moved", "A file is at another path.", "Add a reviewed rule `moved` if the release moves it.";
        FileWithoutRow = "files.file-without-row", "A file is there that no row of the database names.", "Find out what left it behind; correct `files` if such files need no row.";
        FileAdded = "files.added", "There is a file, a folder or a repository that was not there before.", "Look at it; add a reviewed rule `added` if the release brings it, `volatile` if the product makes such files by itself, or name it under `writes` of the probe that makes it.";
        FilesMore = "files.more-differences", "There are more differences than are reported one by one.", "Read all of them in the evidence.";
        PageExposed = "crawl.exposed", "An identity sees a page that it was refused before.", "Look at the permissions of that identity; add a reviewed rule `answers` if the release opens the page.";
        TextExposed = "crawl.text-exposed", "An identity sees texts on a page that only others saw there before.", "Look at the permissions of that identity; add a reviewed rule `texts` if the release shows them to all.";
        PageFails = "crawl.failed", "A page that was answered before is answered with an error, or not at all.", "Open the response in the evidence, and read the log of the service.";
        PageGone = "crawl.gone", "A page that was shown before is said not to exist.", "Open the response in the evidence; add a reviewed rule `answers` if the release moved or dropped it.";
        PageRefused = "crawl.refused", "An identity is refused a page that it saw before.", "Look at the permissions of that identity; add a reviewed rule `answers` if the release closes the page.";
        PageRedirected = "crawl.redirected", "A page redirects, or redirects elsewhere.", "Follow the redirect; add a reviewed rule `answers` if the release moved the page.";
        TextLost = "crawl.text-lost", "Texts that stood on a page are gone.", "Open the page in the evidence; add a reviewed rule `texts` if the release leaves them out.";
        PageValues = "crawl.values-changed", "Values of JSON are gone, or others now.", "Compare them in the evidence; add a reviewed rule `values` if the release changes them.";
        PageType = "crawl.type-changed", "A page has another content type.", "Open the response in the evidence; add a reviewed rule `bodies` if the release changes it.";
        PageEmpty = "crawl.empty", "A page that had a body has none.", "Open the response in the evidence, and read the log of the service.";
        PageSmaller = "crawl.smaller", "A file is less than half as long as before.", "Open the file; add a reviewed rule `bodies` if the release makes it shorter.";
        PageSlower = "crawl.slower", "A page takes more than five times as long as before, and two seconds more, three times in a row.", "Read the log of the service for what the page waits for.";
        AssetBroken = "crawl.asset-broken", "A script, a style or an image that a page names does not load, is empty, or is a page.", "Look at what the release installs and at its precompiled assets; add a reviewed rule `assets` if it does not matter.";
        LinkBroken = "crawl.link-broken", "A link that led to a page leads to an error.", "Follow the link; add a reviewed rule `answers` if it was reviewed.";
        PagesMore = "crawl.more-differences", "There are more differences than are reported one by one.", "Read all of them in the evidence.";
        FreshStructure = "fresh.structure-lacking", "A fresh installation of the target release has something in the structure of its database that the upgraded one lacks, or has in another form.", "Find out which migration should have made it; add a rule under `fresh` if the release leaves it so.";
        FreshRows = "fresh.rows-lacking", "A fresh installation of the target release begins with rows that the upgraded one lacks.", "Find out what should have added them; add a rule under `fresh` if customers remove or replace them.";
        FreshFile = "fresh.file-lacking", "A fresh installation of the target release has a file that the upgraded one lacks.", "Find out what should have put it there; add a rule under `fresh` if it is not needed.";
        FreshSetting = "fresh.setting-lacking", "A fresh installation of the target release sets something that the upgraded one does not.", "Compare the configuration with that of the release; add a rule under `fresh` if its default is the same.";
        FreshMore = "fresh.more-differences", "There are more differences than are reported one by one.", "Read all of them in the evidence.";
        GraphqlFailed = "graphql.failed", "A GraphQL query got no data, or data with errors.", "Open the response in the evidence.";
        GraphqlChanged = "graphql.values-changed", "Values that a GraphQL query returns differ from the baseline.", "Compare both in the evidence; add a rule under `changes` if it was reviewed.";
        GraphqlNotRefused = "graphql.not-refused", "An identity that must be refused got data.", "Look at the permissions of that identity.";
        GraphqlSchemaBroken = "graphql.schema-broken", "The GraphQL schema changed in a way that breaks clients.", "Adapt the clients, or add a rule under `changes` once they are.";
        GraphqlSchemaDiffers = "graphql.schema-differs", "The GraphQL schema is not the one that this release had before.", "Something of the newer release stayed behind.";
        LogError = "logs.new-error", "A log has a kind of error that the baseline did not have.", "Read the first example in the log.";
        LogErrorBurst = "logs.more-errors", "A log has far more errors of a kind than on the baseline.", "Read the first example in the log.";
        LogSilent = "logs.silent", "A log that had lines on the baseline has none, although its service was started anew.", "Find out where the release logs now; name that file under `logs` of the service.";
        LogMore = "logs.more-kinds", "A log has more kinds of errors than are reported one by one.", "Read the log.";
        Slower = "performance.slower", "A request takes longer than the budget allows.", "Compare the samples in the evidence.";
        ReadySlower = "performance.ready-slower", "A service takes longer to become ready than the budget allows.", "Read its log for what it waits for.";
        MemoryGrew = "performance.memory-grew", "A service uses more memory than the budget allows.", "Compare with the release notes, and with the memory of production.";
        DatabaseGrew = "performance.database-grew", "A database takes more space than the budget allows.", "Plan for the space in production, or find what grew in the evidence.";
        FilesGrew = "performance.files-grew", "The files of a volume take more space than the budget allows.", "Plan for the space in production, or find what grew: `files.added` findings and the evidence of the check of files.";
        MutationSurvived = "mutation.survived", "A change that was planted to test the product file was noticed by no check.", "Add a check that sees it, or a rule, `volatile` or `elsewhere` that says why it may pass.";
        ExpectationGone = "expectation.gone", "The failure that the scenario expects no longer happens.", "Remove the expectation.";
        ExpectationMissed = "expectation.missed", "The stage that went wrong, or its outcome, is not the expected one.", "Read what happened instead.";
        ExpectationUnmet = "expectation.finding-missing", "The expected failure happened without a finding, check or known failure that the scenario names.", "Correct the expectation, or find out what changed.";
        ExpectationOther = "expectation.other-trouble", "Something that the scenario does not expect went wrong too.", "Look at that stage or check.";
    }
}

codes! {
    /// Why something could not be decided.
    InconclusiveCode {
        NothingAsserted = "nothing-asserted", "A check found no data, so it asserted nothing.", "Let it look at something that exists on the source release, or skip it with a reason.";
        NothingToCompare = "nothing-to-compare", "The baseline has nothing to compare this with.", "Choose a probe whose response is not empty on the source release.";
        NotComparable = "not-comparable", "What was read cannot be compared: too long, too deep, too many, or without a key.", "Narrow the probe, or give the rule what it lacks.";
        NotRead = "not-read", "Something that had to be read could not be read.", "See the reason; read the logs of the service.";
        RuleGrew = "rule-grew", "A reviewed rule let more than ten times as much through as on the run before.", "Look at what it let through, in the evidence: narrow the rule, or compare with this run from now on.";
        ProbeError = "probe-error", "A probe could not be carried out.", "See the reason: most often a program is missing from the image.";
        CommandFailed = "command-failed", "A command that only reads ended with an error.", "Run it by hand in a run that was kept: `rehearse shell`.";
        WrongRelease = "wrong-release", "An image holds another release than the scenario wants.", "Name the line instead of the release, or provide the image.";
        ImageUnobtainable = "image-unobtainable", "An image could be neither pulled nor built.", "See the reason; log in to the registry, or add a recipe under `images/`.";
        HostFailed = "host-failed", "The container engine could not carry out an operation.", "See the reason; `rehearse doctor` examines the machine.";
        Interfered = "interfered", "Something from outside interfered: what was observed proves nothing.", "See the interference for its remedy, and run again.";
        Deadline = "deadline", "The deadline of the run has passed.", "Raise `deadline`, or find out what took so long.";
        Template = "template", "A placeholder could not be filled in.", "Correct the product file or the scenario.";
        FileUnreadable = "file-unreadable", "A file of the run could not be read or written.", "See the reason.";
        LeftBehind = "left-behind", "Something that the run made could not be removed.", "Run `rehearse sweep`.";
        StartupFailed = "startup-failed", "The run could not begin.", "See the reason.";
        Bug = "bug", "A bug in this tool.", "Report it with the output folder.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_and_is_unique() {
        let names: std::collections::BTreeSet<&str> = FindingCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), FindingCode::ALL.len());
        for code in FindingCode::ALL {
            assert_eq!(code.name().parse(), Ok(*code));
            assert!(code.meaning().ends_with('.') && code.remedy().ends_with(['.', '?']), "{code}");
        }
        for code in InconclusiveCode::ALL {
            assert_eq!(code.name().parse(), Ok(*code));
        }
        assert!("data.rows".parse::<FindingCode>().is_err());
    }
}
