//! The labels and names of everything that we create. They are the ledger: nothing else records what we created.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rehearse_core::vocabulary::ident::short_run;

use crate::docker::owner::Owner;
use rehearse_core::vocabulary::ident::DeploymentName;

pub(crate) const RUN: &str = "org.rehearse.run";
pub(crate) const SCENARIO: &str = "org.rehearse.scenario";
pub(crate) const OWNER_PID: &str = "org.rehearse.owner-pid";
pub(crate) const OWNER_HOST: &str = "org.rehearse.owner-host";
pub(crate) const OWNER_START: &str = "org.rehearse.owner-start";
pub(crate) const EXPIRES: &str = "org.rehearse.expires";
/// Carried by one volume of a run that is over and was kept: when its lease ends. Labels cannot be added to what exists.
pub(crate) const KEPT_UNTIL: &str = "org.rehearse.kept-until";
pub(crate) const DEPLOYMENT: &str = "org.rehearse.deployment";
pub(crate) const SERVICE: &str = "org.rehearse.service";
pub(crate) const ONE_OFF: &str = "org.rehearse.one-off";
pub(crate) const IMAGE: &str = "org.rehearse.image";
pub(crate) const CONTEXT: &str = "org.rehearse.context";

/// The prefix of images that we build, so that they never hide a public image.
pub(crate) const OURS: &str = "rehearse.local";

/// Who owns a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnershipLabels {
    /// The run.
    pub run: String,
    /// The scenario that is rehearsed.
    pub scenario: String,
    /// The process that runs it.
    pub owner: Owner,
    /// When it may be removed even if nobody can find out whether its owner is alive.
    pub expires: SystemTime,
}

impl OwnershipLabels {
    /// The labels of a thing that belongs to a deployment.
    pub(crate) fn labels(&self, deployment: &DeploymentName) -> HashMap<String, String> {
        let mut labels = self.without_deployment();
        labels.insert(DEPLOYMENT.into(), deployment.0.clone());
        labels
    }

    /// The labels of a thing that belongs to no deployment.
    pub(crate) fn without_deployment(&self) -> HashMap<String, String> {
        HashMap::from([
            (RUN.into(), self.run.clone()),
            (SCENARIO.into(), self.scenario.clone()),
            (OWNER_PID.into(), self.owner.pid.to_string()),
            (OWNER_HOST.into(), self.owner.host.clone()),
            (OWNER_START.into(), self.owner.start.clone()),
            (EXPIRES.into(), unix(self.expires).to_string()),
        ])
    }

    /// Reads the labels back; `None` if the thing is not ours.
    pub(crate) fn read(labels: &HashMap<String, String>) -> Option<Self> {
        let text = |key: &str| labels.get(key).cloned().unwrap_or_default();
        Some(Self {
            run: labels.get(RUN)?.clone(),
            scenario: text(SCENARIO),
            owner: Owner {
                pid: text(OWNER_PID).parse().unwrap_or(0),
                host: text(OWNER_HOST),
                start: text(OWNER_START),
            },
            expires: from_unix(&text(EXPIRES)),
        })
    }

    /// The name and the labels of the mark of a kept run.
    pub(crate) fn mark(&self, until: SystemTime) -> (String, HashMap<String, String>) {
        let mut labels = self.without_deployment();
        labels.insert(KEPT_UNTIL.into(), unix(until).to_string());
        (plain(&format!("rehearse-{}-kept", short_run(&self.run))), labels)
    }

    /// The name of a thing: of a deployment's network, or with a `part`, of a service or a volume.
    pub(crate) fn name(&self, deployment: &DeploymentName, part: Option<&str>) -> String {
        let mut name = format!("rehearse-{}-{}", short_run(&self.run), deployment);
        if let Some(part) = part {
            name.push('-');
            name.push_str(part);
        }
        plain(&name)
    }
}

/// Turns a text into a name that both the engine and a file system accept.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '-' }).collect()
}

/// The engine's filter for things that carry all these labels.
pub(crate) fn carrying(labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), labels.iter().map(|(key, value)| format!("{key}={value}")).collect())])
}

/// When the lease of a kept run ends, if these are the labels of its mark.
pub(crate) fn kept_until(labels: &HashMap<String, String>) -> Option<SystemTime> {
    labels.get(KEPT_UNTIL).map(|seconds| from_unix(seconds))
}

/// A time that cannot be read is long ago.
fn from_unix(seconds: &str) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.parse().unwrap_or(0))
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ownership_can_be_read_back_from_its_labels() {
        let ownership = OwnershipLabels {
            run: "r1".into(),
            scenario: "webshop: 5.0 to 6.1".into(),
            owner: Owner::current(),
            expires: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        };
        assert_eq!(OwnershipLabels::read(&ownership.labels(&DeploymentName("main".into()))), Some(ownership));
    }

    #[test]
    fn the_mark_of_a_kept_run_says_until_when() {
        let (expires, until) = (UNIX_EPOCH + Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(1_900_000_000));
        let ownership = OwnershipLabels { run: "r1".into(), scenario: "s".into(), owner: Owner::current(), expires };
        let (name, labels) = ownership.mark(until);
        assert_eq!((name.as_str(), kept_until(&labels)), ("rehearse-r1-kept", Some(until)));
        assert_eq!(OwnershipLabels::read(&labels), Some(ownership.clone()));
        assert_eq!(kept_until(&ownership.without_deployment()), None);
    }

    #[test]
    fn a_name_holds_only_what_the_engine_accepts() {
        assert_eq!(plain("a b/c:d"), "a-b-c-d");
    }
}
