//! Plants mutations in databases, files, logs and services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rehearse_core::mutation::{
    Fate, Judged, Mutation, MutationKind, MutationTarget, Seen, SqlMutation, changed_items, judge_mutation,
};
use rehearse_core::observation::{FileKind, FileTree, ItemKind, Response};
use rehearse_core::planning::plan::MutationBatch;
use rehearse_core::vocabulary::wildcard::fits;

use tokio::io::AsyncWriteExt;

use super::Planted;
use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::error::EngineError;
use crate::engine::host::{Command, Host};
use crate::engine::observer::{DatabaseTarget, Observer};
use crate::engine::state::{Baseline, State};
use crate::engine::wait::Tail;

/// How many objects of a kind are changed: each is a command of its own.
const OBJECTS_OF_A_KIND: usize = 5;
/// How many files of a volume are changed in one way.
const FILES_OF_A_VOLUME: usize = 3;

/// Overwrites the first byte of a file, whose size and times stay.
const CHANGE_BYTES: &str = r#"first=$(head -c 1 "$1" | tr -d '\000'); other=R; [ "$first" = R ] && other=S
touch -r "$1" /tmp/.rehearse-planted && printf %s "$other" | dd of="$1" bs=1 count=1 conv=notrunc 2>/dev/null &&
touch -r /tmp/.rehearse-planted "$1" && rm /tmp/.rehearse-planted"#;

/// Points the HEAD of a repository, bare or not, to another branch.
const MOVE_HEAD: &str = r#"head="$1"; [ -f "$head" ] || head="${1%/HEAD}/.git/HEAD"
[ -f "$head" ] && echo 'ref: refs/heads/rehearse-planted' > "$head""#;

/// Lines as programs of several kinds report an error.
const ERROR_LINES: &str = "FATAL: rehearse planted this line\n\
    E, ERROR -- : RuntimeError (rehearse planted this line)\n\
    Traceback (most recent call last):\n\
    rehearse.Planted: Error: planted\n";

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Plants what can be changed in the databases that the check of data reads.
    pub(super) async fn plant_in_databases(
        &self,
        ctx: &StageContext,
        batch: MutationBatch,
    ) -> Result<Vec<Planted>, EngineError> {
        let Some(check) = &self.case.product.checks.data else { return Ok(Vec::new()) };
        let target = self.case.database(ctx, &check.database)?;
        let found = self.observer.mutations(&target, batch).await.map_err(EngineError::not_read)?;
        let mut choice = Choice::default();
        let mut refused: BTreeMap<Mutation, String> = BTreeMap::new();
        let mut planted = Vec::new();
        for candidate in found {
            if !choice.wants(&candidate.mutation) {
                continue;
            }
            match self.plant_sql(&target, &candidate).await {
                Ok(()) => {
                    choice.take(&candidate.mutation);
                    planted.push((candidate.mutation, None));
                }
                Err(Refused::NothingThere) => {}
                Err(Refused::Because(because)) => drop(refused.insert(candidate.mutation, because)),
            }
        }
        // Of what the server refused, only what has no other example is reported.
        for (mutation, because) in refused {
            if choice.wants(&mutation) {
                choice.take(&mutation);
                planted.push((mutation, Some(because)));
            }
        }
        Ok(planted)
    }

    async fn plant_sql(&self, target: &DatabaseTarget, candidate: &SqlMutation) -> Result<(), Refused> {
        let mut refusal = Refused::NothingThere;
        for statement in &candidate.statements {
            let _wait = self.meter.product();
            match self.observer.rows(target, statement).await {
                Response::Rows(rows) if rows.value().is_some_and(|count| count != "0") => return Ok(()),
                // A table without rows, or without a value in this column.
                Response::Rows(_) => {}
                Response::Rejected(because) => refusal = Refused::Because(because.to_string()),
                Response::NoResponse { reason } | Response::ProbeError { reason } => refusal = Refused::Because(reason),
                Response::Http(_) | Response::Exec(_) => {
                    refusal = Refused::Because("a statement returned no rows".to_owned());
                }
            }
        }
        Err(refusal)
    }

    /// Plants changes of files.
    pub(super) async fn plant_in_files(
        &self,
        ctx: &StageContext,
        batch: MutationBatch,
        baseline: &Arc<Baseline>,
    ) -> Result<Vec<Planted>, EngineError> {
        let mut planted = Vec::new();
        let services = self.case.services();
        for (volume, service) in self.case.product.file_volumes() {
            let tree = baseline.files.as_deref().and_then(|trees| trees.get(volume));
            let mount = services.get(service).and_then(|service| service.volumes.get(volume));
            let (Some(tree), Some(mount)) = (tree, mount) else { continue };
            let volatile = |path: &str| {
                let file = format!("{volume}:{path}");
                self.case.product.checks.files.volatile.keys().any(|pattern| fits(pattern, &file))
            };
            for (kind, path, argv) in changes_of(batch, tree, volatile) {
                let target = MutationTarget::File(format!("{volume}:{path}"));
                let argv = argv.into_iter().map(|arg| arg.replace("{path}", &format!("{mount}/{path}"))).collect();
                let refused = self.plant_command(ctx, service, argv).await?;
                planted.push((Mutation { kind, target }, refused));
            }
        }
        Ok(planted)
    }

    /// Runs a command that plants something; why it could not.
    async fn plant_command(
        &self,
        ctx: &StageContext,
        service: &str,
        argv: Vec<String>,
    ) -> Result<Option<String>, EngineError> {
        let command = Command { argv, user: Some("0".to_owned()), ..Command::default() };
        let mut output = Tail::default();
        let exit = {
            let _wait = self.meter.product();
            self.host.exec(&ctx.instance(service), &command, &mut output).await
        };
        Ok(match exit {
            Ok(0) => None,
            Ok(code) => Some(format!("exit code {code}: {}", output.text())),
            Err(error) => Some(rehearse_core::text::error_chain(&error)),
        })
    }

    /// Adds error lines to the file that keeps what a service prints; why it could not.
    async fn plant_log_lines(&self, ctx: &StageContext, service: &str) -> Option<String> {
        let Some(file) = self.host.log_file(&ctx.instance(service)) else {
            return Some("what it prints is not kept".to_owned());
        };
        let written = async {
            let mut file = tokio::fs::OpenOptions::new().append(true).open(&file).await?;
            file.write_all(ERROR_LINES.as_bytes()).await?;
            file.flush().await
        };
        written.await.err().map(|error| error.to_string())
    }

    /// Error lines in the logs, then every service stopped.
    pub(super) async fn mutate_services(
        &self,
        ctx: &StageContext,
        state: &State,
        baseline: &Arc<Baseline>,
    ) -> Result<Vec<Judged>, EngineError> {
        let mut judged = Vec::new();
        let services: Vec<String> = self.case.services().into_keys().collect();
        let judge = |mutation: Mutation, refused: Option<String>, noise: &[Seen], seen: &[Seen]| {
            let fate = match refused {
                Some(because) => Fate::NotPlanted(because),
                None => judge_mutation(&mutation, &self.case.product, noise, seen, (None, None)),
            };
            Judged { mutation, fate }
        };
        if let Some(check) = &self.case.product.checks.logs {
            let mode = crate::engine::mode::Mode::Hop;
            let (before, _) = self.logs(ctx, state, check, &baseline.logs, mode).await;
            let mut planted = Vec::new();
            for service in &services {
                let refused = self.plant_log_lines(ctx, service).await;
                let target = MutationTarget::Service(service.clone());
                planted.push((Mutation { kind: MutationKind::ErrorLogged, target }, refused));
            }
            let (after, _) = self.logs(ctx, state, check, &baseline.logs, mode).await;
            let (noise, seen) = (Seen::in_report(&before), Seen::in_report(&after));
            judged.extend(planted.into_iter().map(|(mutation, refused)| judge(mutation, refused, &noise, &seen)));
        }
        let noise = Seen::in_report(&self.services_run(ctx).await?);
        for service in &services {
            let _wait = self.meter.engine();
            self.host.stop(&ctx.deployment, service).await?;
        }
        let seen = Seen::in_report(&self.services_run(ctx).await?);
        for service in services {
            let mutation = Mutation { kind: MutationKind::ServiceStopped, target: MutationTarget::Service(service) };
            judged.push(judge(mutation, None, &noise, &seen));
        }
        Ok(judged)
    }
}

/// Why a database was not changed.
enum Refused {
    /// It has no row, or no value, of this kind.
    NothingThere,
    /// The server, or the way to it.
    Because(String),
}

/// What a batch still has room for: one value and one row of each table, a few objects of each kind, each of a table of its
/// own, so that what is found can be told apart.
#[derive(Default)]
struct Choice {
    tables: BTreeSet<String>,
    objects: BTreeMap<MutationKind, usize>,
    items: BTreeSet<(ItemKind, String)>,
}

impl Choice {
    fn wants(&self, mutation: &Mutation) -> bool {
        match &mutation.target {
            MutationTarget::Column { table, .. } | MutationTarget::Table(table) => !self.tables.contains(table),
            MutationTarget::Structure(of) => {
                let taken = |item: &ItemKind| self.items.contains(&(*item, of.clone()));
                let count = self.objects.get(&mutation.kind).copied().unwrap_or_default();
                count < OBJECTS_OF_A_KIND && !changed_items(mutation.kind).iter().any(taken)
            }
            MutationTarget::File(_) | MutationTarget::Service(_) | MutationTarget::Response { .. } => true,
        }
    }

    fn take(&mut self, mutation: &Mutation) {
        match &mutation.target {
            MutationTarget::Column { table, .. } | MutationTarget::Table(table) => {
                self.tables.insert(table.clone());
            }
            MutationTarget::Structure(of) => {
                *self.objects.entry(mutation.kind).or_default() += 1;
                self.items.extend(changed_items(mutation.kind).iter().map(|item| (*item, of.clone())));
            }
            MutationTarget::File(_) | MutationTarget::Service(_) | MutationTarget::Response { .. } => {}
        }
    }
}

/// The changes of a volume's files in a batch: the kind, the file, and a command in which `{path}` stands for the file.
///
/// Files that are compared come first: a change of a volatile one says nothing about the others. One of these is changed
/// too, so that the table shows what the pattern hides.
fn changes_of(
    batch: MutationBatch,
    tree: &FileTree,
    volatile: impl Fn(&str) -> bool,
) -> Vec<(MutationKind, String, Vec<String>)> {
    let filled = tree.entries.iter().filter_map(|(path, entry)| match entry.kind {
        FileKind::File { size, .. } if size > 0 => Some((path, entry.mode)),
        FileKind::File { .. } | FileKind::Folder | FileKind::Link(_) | FileKind::Special(_) => None,
    });
    let (hidden, compared): (Vec<(&String, u32)>, Vec<_>) = filled.partition(|(path, _)| volatile(path));
    let command = |argv: &[&str]| argv.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
    let some = spread(&compared).chain(hidden.first());
    match batch {
        MutationBatch::Values => {
            let argv = command(&["sh", "-c", CHANGE_BYTES, "sh", "{path}"]);
            some.map(|(path, _)| (MutationKind::BytesChanged, (*path).clone(), argv.clone())).collect()
        }
        MutationBatch::Rows => {
            let argv = command(&["rm", "{path}"]);
            some.map(|(path, _)| (MutationKind::FileLost, (*path).clone(), argv.clone())).collect()
        }
        MutationBatch::Structure => {
            let mode = |mode: u32| format!("{:o}", mode ^ 0o002);
            let modes = some.map(|(path, is)| {
                (MutationKind::ModeChanged, (*path).clone(), command(&["chmod", &mode(*is), "{path}"]))
            });
            let argv = command(&["sh", "-c", MOVE_HEAD, "sh", "{path}"]);
            let repositories = tree.repositories.keys().take(FILES_OF_A_VOLUME);
            let heads = repositories.map(|path| (MutationKind::HeadMoved, format!("{path}/HEAD"), argv.clone()));
            modes.chain(heads).collect()
        }
        MutationBatch::Responses | MutationBatch::Services => Vec::new(),
    }
}

/// A few elements, from the first to the last.
pub(super) fn spread<T>(all: &[T]) -> impl Iterator<Item = &T> {
    let last = all.len().saturating_sub(1);
    let places: BTreeSet<usize> = (0..FILES_OF_A_VOLUME).map(|part| last * part / (FILES_OF_A_VOLUME - 1)).collect();
    places.into_iter().filter_map(|place| all.get(place))
}

#[cfg(test)]
mod tests {
    use rehearse_core::observation::FileEntry;

    use super::*;

    #[test]
    fn a_few_are_spread_from_the_first_to_the_last() {
        let check = |count: usize, expected: &[usize]| {
            let all: Vec<usize> = (0..count).collect();
            assert_eq!(spread(&all).copied().collect::<Vec<_>>(), expected);
        };
        check(0, &[]);
        check(1, &[0]);
        check(2, &[0, 1]);
        check(9, &[0, 4, 8]);
    }

    #[test]
    fn files_that_are_compared_are_changed_and_one_of_the_volatile() {
        let file = |path: &str| {
            let kind = FileKind::File { size: 1, digest: "d".to_owned() };
            (path.to_owned(), FileEntry { kind, mode: 0o644, owner: 0, group: 0 })
        };
        let mut tree = FileTree::default();
        tree.entries.extend(["cache/a", "cache/b", "cache/c", "x", "y"].map(file));
        let changed = |volatile: fn(&str) -> bool| {
            let changes = changes_of(MutationBatch::Rows, &tree, volatile);
            changes.into_iter().map(|(_, path, _)| path).collect::<Vec<_>>()
        };
        assert_eq!(changed(|path| path.starts_with("cache/")), ["x", "y", "cache/a"]);
        assert_eq!(changed(|_| false), ["cache/a", "cache/c", "y"]);
        assert_eq!(changed(|_| true), ["cache/a"]);
    }

    #[test]
    fn each_table_is_changed_once_and_each_item_by_one_kind() {
        let of = |kind, target| Mutation { kind, target };
        let table = || MutationTarget::Structure("users".to_owned());
        let mut choice = Choice::default();
        choice.take(&of(MutationKind::IndexLost, table()));
        assert!(!choice.wants(&of(MutationKind::ConstraintLost, table())), "a unique constraint is an index too");
        assert!(choice.wants(&of(MutationKind::DefaultLost, table())));
        choice.take(&of(MutationKind::RowLost, MutationTarget::Table("users".to_owned())));
        assert!(!choice.wants(&of(MutationKind::RowLost, MutationTarget::Table("users".to_owned()))));
    }
}
