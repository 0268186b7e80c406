//! Harmless changes that must not be found.

use crate::run::Restart;

/// Something harmless.
pub(crate) struct Control {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Its name for `--set fault=`; none where it is one of the restarts.
    pub(crate) switch: Option<&'static str>,
}

const fn control(name: &'static str, switch: &'static str, about: &'static str) -> Control {
    Control { name, about, switch: Some(switch) }
}

const fn restart(name: &'static str, about: &'static str) -> Control {
    Control { name, about, switch: None }
}

/// The value of `--set fault=`: they are all made in the same rehearsal. Where nothing is found, none of them was.
pub(crate) fn switch() -> String {
    CONTROLS.iter().filter_map(|control| control.switch).collect::<Vec<_>>().join("+")
}

/// The restarts among them.
pub(crate) const RESTARTS: &[Restart] = &[Restart::Everything(1), Restart::Replicas(2)];

pub(crate) const CONTROLS: [Control; 21] = [
    control("new-column", "control-new-column", "a column with a default and an index more"),
    control(
        "columns-reordered",
        "control-columns-reordered",
        "a table is built anew with its columns in another order",
    ),
    control("warnings", "control-warnings", "200 warnings and an error line that is reviewed"),
    control("timestamps", "control-timestamps", "times of the last visit are written at every request"),
    restart("planned-restart", "the replicas are restarted at the end of an upgrade"),
    control(
        "noise",
        "control-noise",
        "keys in another order, further keys, jitter, harmless lines that speak of errors",
    ),
    control("vacuum-full", "control-vacuum-full", "every table is written anew by VACUUM FULL"),
    control("cluster", "control-cluster", "two tables are written anew in another order of their rows by CLUSTER"),
    control("reindex", "control-reindex", "every index is built anew by REINDEX"),
    control("analyze", "control-analyze", "statistics are made anew, those of a column in more detail"),
    control("json-keys", "control-json-keys", "JSON is written anew with its keys in another order"),
    control("names", "control-names", "an index, a constraint and a trigger get other names"),
    control("wider", "control-wider", "types of columns take more than before"),
    control("view-again", "control-view-again", "a view is made again as it was, a materialised one is filled again"),
    control("comments", "control-comments", "a table and a column get comments"),
    control("numbers-ahead", "control-numbers-ahead", "sequences go ahead, as after rolled back transactions"),
    restart("everything-restarted", "the server, the replicas and the worker are restarted"),
    control("repack", "control-repack", "Git repositories are packed, their references too"),
    control("touch", "control-touch", "the times of all files are new"),
    control(
        "written-again",
        "control-written-again",
        "configuration files are replaced by new files of the same bytes",
    ),
    control("empty-folder", "control-empty-folder", "the release makes folders for files to come"),
];
