//! The operators' upgrade plan: what to do to the production installation, in which order, how long it takes and how to
//! roll back; and the review of an upgrade plan that somebody else wrote.
//!
//! What a product's support asks, the steps for each way of installation and what a plan must say are data, in a file
//! beside `product.yaml`.

mod compose;
mod extract;
mod review;
mod timing;

pub use compose::{Sources, compose};
pub use review::{Remark, RemarkKind, Review, review};
pub use timing::{Measured, Rehearsed, StageTiming, Timing};

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::source::diagnostic::{Problem, did_you_mean};
use crate::source::spec::Document;
use crate::vocabulary::release::{Edition, Range};
use crate::vocabulary::scalar::{Because, Duration, Pattern};
use crate::vocabulary::template::Template;

/// What a product's operators have to know, write down and do.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runbook {
    /// The documents that it is based on.
    pub source: String,
    /// What the product's support asks about an installation.
    pub questions: Vec<Question>,
    /// The ways of installation, each with its steps. The answer to the question `install-method` selects one.
    pub variants: BTreeMap<String, Variant>,
    /// What a plan must say besides the answers.
    pub content: Vec<Content>,
    /// What a plan must not say.
    #[serde(default)]
    pub mistakes: Vec<Mistake>,
    /// Steps that must not follow each other in a plan.
    #[serde(default)]
    pub sequences: Vec<Sequence>,
    /// How a plan says that something is not done or not known.
    #[serde(default)]
    pub denials: Denials,
    /// How a plan refers to releases.
    pub releases: ReleasePatterns,
}

/// Words by which a sentence says that something is not done or not known. Such a sentence does not count as saying it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Denials {
    /// In an answer to a question.
    #[serde(default)]
    pub questions: Option<Pattern>,
    /// In what a plan must say.
    #[serde(default)]
    pub content: Option<Pattern>,
}

/// A question that the product's support asks.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Question {
    /// Its id; a scenario answers it under this id.
    pub id: String,
    /// The question.
    pub ask: String,
    /// Why it matters.
    pub because: Because,
    /// The possible answers; without any, every answer is allowed.
    #[serde(default)]
    pub answers: Vec<String>,
    /// Matches a line of a plan that answers it.
    pub found: Pattern,
}

/// The question whose answer names the variant.
pub const INSTALL_METHOD: &str = "install-method";

/// A way of installation.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Variant {
    /// Its name for people.
    pub title: String,
    /// Why it cannot be rehearsed on one machine. If given, `rehearse run` refuses it.
    #[serde(default)]
    pub not_rehearsed: Option<String>,
    /// Whether it takes the product's path without downtime; the scenario has to ask for that path.
    #[serde(default)]
    pub zero_downtime: bool,
    /// What a rehearsal in containers cannot show about it.
    #[serde(default)]
    pub not_shown: Option<String>,
    /// What to do before the window.
    pub before: Vec<Task>,
    /// What to do at the start of the window: the backup.
    pub begin: Vec<Task>,
    /// What to do for each hop.
    pub hop: Vec<Task>,
    /// What to do at the end of the window.
    pub end: Vec<Task>,
    /// The rollback.
    pub back: Vec<Task>,
}

/// Something to do. Its texts may use `{{ from }}`, `{{ to }}`, `{{ edition }}`, `{{ answers.… }}`, the list `hops` and, in a
/// hop, `{{ hop.from }}`, `{{ hop.to }}`, `{{ hop.number }}`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Task {
    /// What to do or to look at.
    pub task: Template,
    /// The command.
    #[serde(default)]
    pub command: Option<Template>,
    /// The task applies only to hops to these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Whether downtime begins or ends with this task.
    #[serde(default)]
    pub downtime: Option<Downtime>,
    /// From here on, the only rollback is to restore the backup.
    #[serde(default)]
    pub no_return: bool,
    /// The stages of the rehearsal that measure it: `upgrade` of a hop, `rollback/restore`.
    #[serde(default)]
    pub measured_by: Vec<String>,
}

/// Where the time in which users cannot work begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Downtime {
    /// It begins with this task.
    Begins,
    /// It is over after this task.
    Ends,
}

/// Something that a plan must say.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Content {
    /// What must be said.
    pub what: String,
    /// Why, with the document that requires it.
    pub because: Because,
    /// Matches a line that says it.
    pub found: Pattern,
    /// Required only of plans whose path has a hop to one of these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Required only of plans with a line that matches this.
    #[serde(default)]
    pub concerns: Option<LinePattern>,
    /// The plan must say it before the first line that installs a release, or in a line that matches this and so says that
    /// it is done before.
    #[serde(default)]
    pub before_hops: Option<Pattern>,
}

/// Matches lines of a plan.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinePattern {
    /// Matches the lines.
    pub pattern: Pattern,
    /// Lines that match this too are excluded.
    #[serde(default)]
    pub unless: Option<Pattern>,
}

/// Something that a plan must not say.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mistake {
    /// Matches a line that says it.
    pub pattern: Pattern,
    /// It is not a mistake if its sentence matches this.
    #[serde(default)]
    pub unless: Option<Pattern>,
    /// It is not a mistake if one of the four lines before or after it matches this.
    #[serde(default)]
    pub unless_near: Option<Pattern>,
    /// A mistake only in plans whose path has a hop to one of these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Not a mistake in plans with a line that matches this.
    #[serde(default)]
    pub except: Option<Pattern>,
    /// What is wrong with it.
    pub because: Because,
    /// What to do instead.
    pub instead: String,
}

/// Two steps that must not follow each other.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sequence {
    /// Matches the first of them.
    pub first: Pattern,
    /// Matches the one that must not follow.
    pub then: Pattern,
    /// Matches what makes the sequence right if it stands between the two.
    #[serde(default)]
    pub between: Option<Pattern>,
    /// What is wrong with it.
    pub because: Because,
    /// What to do instead.
    pub instead: String,
}

/// How a plan refers to releases.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReleasePatterns {
    /// Lines that name the source, the most reliable pattern first. The first group of each is the release.
    pub from: Vec<Pattern>,
    /// Lines that name the target, the most reliable pattern first. The first group of each is the release. The last pattern
    /// may match the targets of hops too, so the highest release that it finds counts.
    pub to: Vec<Pattern>,
    /// What precedes the version of something else: `PostgreSQL`, `Ubuntu`.
    pub others: Pattern,
    /// The name of a backup. Its first group is the release of the backup, with its edition.
    #[serde(default)]
    pub backup: Option<Pattern>,
    /// A restore described in words. Its groups are the release of the backup and the release that it is restored into.
    #[serde(default)]
    pub restores: Option<Pattern>,
    /// The edition of a backup whose name does not say one.
    #[serde(default)]
    pub backup_edition: Option<Edition>,
    /// Lines that go from one release to another: `1.0 → 2.0`.
    pub hop: Pattern,
    /// Lines that install the releases they name; these releases are compared with the path.
    pub installs: LinePattern,
    /// Lines that install the target of each hop without naming it.
    pub installs_each: Pattern,
    /// Releases that a plan must give the same way wherever it names them.
    #[serde(default)]
    pub once: Vec<Once>,
    /// Lines about the maintenance window.
    pub window: Pattern,
    /// Lines about the rollback.
    pub back: Pattern,
}

/// A release that a plan may name several times, always the same.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "RepeatedRelease")]
pub struct Once {
    /// What it is.
    pub what: String,
    /// Lines that name it. The first group is the release.
    pub pattern: Pattern,
    /// Only lines before the first installation count: after it, a plan is about a different state.
    #[serde(default)]
    pub before_hops: bool,
}

/// What a scenario says about the production installation, for its runbook.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Production {
    /// Answers to the questions of the product's runbook, by their ids.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// How long the maintenance window is.
    #[serde(default)]
    pub window: Option<Duration>,
    /// How long stages are known to take in production, by the name of the stage: `backup`, `restore`, `upgrade`.
    #[serde(default)]
    pub takes: BTreeMap<String, Duration>,
}

impl Runbook {
    /// The mistakes in the file that its schema cannot catch.
    pub fn problems(&self, document: &Document) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, question) in self.questions.iter().enumerate() {
            if !seen.insert(question.id.as_str()) {
                let title = format!("a second question `{}`", question.id);
                problems.push(document.problem(&format!("/questions/{index}/id"), title, "ids are unique", None));
            }
        }
        let methods = self.questions.iter().position(|question| question.id == INSTALL_METHOD);
        match methods.and_then(|at| Some((at, self.questions.get(at)?))) {
            None => {
                let title = format!("no question `{INSTALL_METHOD}`");
                problems.push(document.problem("/questions", title, "its answer names the variant", None));
            }
            Some((at, question)) => {
                for name in question.answers.iter().filter(|name| !self.variants.contains_key(*name)) {
                    let title = format!("no variant `{name}`");
                    let at = format!("/questions/{at}/answers");
                    problems.push(document.problem(&at, title, "each answer names a variant", None));
                }
            }
        }
        for (name, variant) in &self.variants {
            for (phase, tasks) in variant.phases() {
                let context = self.placeholder_context(phase == "hop");
                for (index, task) in tasks.iter().enumerate() {
                    let texts = [(Some(&task.task), "task"), (task.command.as_ref(), "command")];
                    for (text, key) in texts.iter().filter_map(|(text, key)| Some(((*text)?, key))) {
                        if let Err(error) = text.render(&context) {
                            let at = format!("/variants/{name}/{phase}/{index}/{key}");
                            let label = "known are from, to, edition, answers, hops and, in a hop, hop";
                            problems.push(document.problem(&at, error.to_string(), label, None));
                        }
                    }
                }
            }
        }
        problems
    }

    /// A context that has every name a task may use.
    fn placeholder_context(&self, in_hop: bool) -> Value {
        let answers: BTreeMap<&str, &str> = self.questions.iter().map(|question| (question.id.as_str(), "")).collect();
        let hop = json!({ "from": "", "to": "", "number": 1 });
        let mut names = json!({ "from": "", "to": "", "edition": "", "answers": answers, "hops": [hop] });
        if in_hop && let Some(names) = names.as_object_mut() {
            names.insert("hop".to_owned(), hop);
        }
        names
    }

    /// Production's way of installation, if the scenario names it.
    pub fn variant(&self, production: &Production) -> Option<&Variant> {
        self.variants.get(production.answers.get(INSTALL_METHOD)?)
    }

    /// The mistakes in what a scenario says about its production; `at` is the place of that in the document.
    pub fn wrong_answers(&self, production: &Production, document: &Document, at: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (id, answer) in &production.answers {
            let at = format!("{at}/answers/{id}");
            let ids: Vec<&str> = self.questions.iter().map(|question| question.id.as_str()).collect();
            let Some(question) = self.questions.iter().find(|question| question.id == *id) else {
                let near = did_you_mean(id, ids.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                let label = format!("expected one of: {}", ids.join(", "));
                problems.push(document.problem(&at, format!("unknown question `{id}`"), label, near));
                continue;
            };
            if !question.answers.is_empty() && !question.answers.contains(answer) {
                let near = did_you_mean(answer, question.answers.iter().map(String::as_str));
                let near = near.map(|near| format!("did you mean `{near}`?"));
                let label = format!("expected one of: {}", question.answers.join(", "));
                problems.push(document.problem(
                    &at,
                    format!("`{answer}` is not an answer to: {}", question.ask),
                    label,
                    near,
                ));
            }
        }
        let known = self.measured_stages();
        for name in production.takes.keys().filter(|name| !known.contains(name.rsplit('/').next().unwrap_or(name))) {
            let near = did_you_mean(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let label = format!("expected one of: {}", known.iter().copied().collect::<Vec<_>>().join(", "));
            let at = format!("{at}/takes/{name}");
            problems.push(document.problem(&at, format!("unknown stage `{name}`"), label, near));
        }
        problems
    }

    /// The names of the stages whose durations the runbook uses.
    fn measured_stages(&self) -> BTreeSet<&str> {
        let tasks = self.variants.values().flat_map(|variant| variant.phases()).flat_map(|(_, tasks)| tasks);
        let names = tasks.flat_map(|task| &task.measured_by);
        names.map(|name| name.rsplit('/').next().unwrap_or(name)).collect()
    }
}

impl Variant {
    fn phases(&self) -> [(&'static str, &[Task]); 5] {
        let Self { before, begin, hop, end, back, .. } = self;
        [("before", before), ("begin", begin), ("hop", hop), ("end", end), ("back", back)]
    }
}
