//! Volumes read as a whole, and what changes in them.

use std::collections::{BTreeMap, BTreeSet};

use rehearse::engine::host::{Services, Volumes};
use rehearse::engine::observer::Observer;
use rehearse::observers::Live;
use rehearse_core::check::{FileTerms, judge_files};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::FileTree;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::event::CheckReport;
use tokio::sync::mpsc;

use crate::rig::*;

async fn read(rig: &Rig) -> Result<FileTree, String> {
    let (to, from) = mpsc::channel(16);
    let observer = Live::new(rig.host.clone()).map_err(text)?;
    let (sent, read) = tokio::join!(rig.host.read_volume(&rig.main, "data", &rig.image, to), observer.files(from));
    sent.map_err(chain)?;
    read
}

/// The code and the file of every difference.
fn differences(before: &FileTree, now: &FileTree) -> Vec<(FindingCode, String)> {
    let one = |tree: &FileTree| [("data".to_owned(), tree.clone())].into();
    let (volatile, written) = (BTreeMap::new(), BTreeSet::new());
    let terms = FileTerms { rules: &[], volatile: &volatile, written: &written };
    let mut report = CheckReport::new(CheckKind::Files, "volumes");
    let found = judge_files(&one(before), &one(now), terms, &mut report);
    found.into_iter().map(|difference| (difference.code, difference.file)).collect()
}

const FILL: &str = "mkdir -p /data/a/b && cd /data && echo secret > key && echo one > a/one && echo two > a/b/two \
                    && ln -s a/one link && chown -R 33:33 a && chmod 600 key";

/// Changes, and what is to be found of each.
const PLANTED: [(&str, FindingCode, &str); 9] = [
    (
        "printf onx > a/x && printf '\\n' >> a/x && touch -r a/one a/x && cat a/x > a/one && touch -r a/x a/one && rm a/x",
        FindingCode::FileChanged,
        "data:a/one",
    ),
    ("rm a/b/two", FindingCode::FileLost, "data:a/b/two"),
    ("rm -r a/b", FindingCode::FileLost, "data:a/b"),
    ("chmod 644 key", FindingCode::FilePermissions, "data:key"),
    ("chown 0:0 a/one", FindingCode::FilePermissions, "data:a/one"),
    ("ln -sfn a/b/two link", FindingCode::FileChanged, "data:link"),
    ("rm key && mkdir -m 600 key", FindingCode::FileChanged, "data:key"),
    ("echo new > 'a/b/a name'", FindingCode::FileAdded, "data:a/b/a name"),
    ("truncate -s 0 key", FindingCode::FileChanged, "data:key"),
];

/// Changes that mean nothing.
const HARMLESS: [&str; 3] =
    ["touch -d 2001-01-01 key a/one a", "cp -a a/one a/copy && mv a/copy a/one", "cp -a a c && rm -r a && mv c a"];

pub(crate) async fn planted_changes_of_files_are_found() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.mounts.push(volume("data", "/data"));
    rig.up(&spec).await?;
    for (change, code, file) in PLANTED {
        let (exit, output) = rig.sh("box", &format!("rm -rf /data/* && {FILL}")).await?;
        ensure!(exit == 0, "{output}");
        let before = read(&rig).await?;
        let (exit, output) = rig.sh("box", &format!("cd /data && {change}")).await?;
        ensure!(exit == 0, "{change}: {output}");
        let found = differences(&before, &read(&rig).await?);
        ensure!(found == [(code, file.to_owned())], "{change}: {found:?}");
    }
    rig.down().await
}

pub(crate) async fn harmless_changes_of_files_are_not_found() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.mounts.push(volume("data", "/data"));
    rig.up(&spec).await?;
    let (exit, output) = rig.sh("box", FILL).await?;
    ensure!(exit == 0, "{output}");
    let before = read(&rig).await?;
    ensure!(before.files() == 3 && before.entries.len() == 7, "{:?}", before.entries.keys());
    for change in HARMLESS {
        let (exit, output) = rig.sh("box", &format!("cd /data && {change}")).await?;
        ensure!(exit == 0, "{change}: {output}");
        let found = differences(&before, &read(&rig).await?);
        ensure!(found.is_empty(), "{change}: {found:?}");
    }
    // A stopped service, and one that is made anew from its image.
    rig.host.stop(&rig.main, "box").await.map_err(chain)?;
    ensure!(differences(&before, &read(&rig).await?).is_empty(), "the service is stopped");
    rig.apply(&spec).await?;
    ensure!(differences(&before, &read(&rig).await?).is_empty(), "the service was made anew");
    rig.down().await
}

pub(crate) async fn a_reading_that_is_given_up_leaves_nothing() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.mounts.push(volume("data", "/data"));
    rig.up(&spec).await?;
    rig.sh("box", "head -c 100M /dev/zero > /data/big").await?;
    // Nobody takes the pieces.
    let (to, from) = mpsc::channel(1);
    drop(from);
    rig.host.read_volume(&rig.main, "data", &rig.image, to).await.map_err(chain)?;
    let there = of_run(&rig.host).await?;
    // The service, its network and its volume.
    ensure!(there == 3, "{there} things are there");
    // The future itself is dropped.
    let (to, _from) = mpsc::channel(1);
    let reading = rig.host.read_volume(&rig.main, "data", &rig.image, to);
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(500), reading).await;
    ensure!(given_up.is_err(), "it ended although nobody took the pieces");
    rig.down().await
}
