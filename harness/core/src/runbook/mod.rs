//! The operator's document: what is done to the production installation, in which order, how long it takes, and how to go
//! back; and the review of such a document that somebody else wrote.
//!
//! What a product's support asks for, the steps of its ways of installation, and what a plan has to say are data: a file
//! beside `product.yaml`.

mod compose;
mod mentions;
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
use crate::vocabulary::scalar::{Duration, Pattern};
use crate::vocabulary::template::Template;

/// What a product's operators have to know, to write down and to do.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runbook {
    /// The documents that it follows.
    pub source: String,
    /// What the product's support asks of an installation.
    pub questions: Vec<Question>,
    /// The ways of installation, each with its steps; the answer to the question `install-method` names one.
    pub variants: BTreeMap<String, Variant>,
    /// What a plan has to say, besides the answers.
    pub content: Vec<Content>,
    /// What a plan must not say.
    #[serde(default)]
    pub mistakes: Vec<Mistake>,
    /// What must not follow each other in a plan.
    #[serde(default)]
    pub sequences: Vec<Sequence>,
    /// How a plan says that it does not have something.
    #[serde(default)]
    pub denials: Denials,
    /// How a plan speaks of releases.
    pub releases: Mentions,
}

/// Words by which a sentence says that something is not done, or not known: it does not count as saying it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Denials {
    /// Of an answer to a question.
    #[serde(default)]
    pub questions: Option<Pattern>,
    /// Of what a plan has to say.
    #[serde(default)]
    pub content: Option<Pattern>,
}

/// What the product's support asks.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Question {
    /// Its name, as scenarios answer it.
    pub id: String,
    /// The question.
    pub ask: String,
    /// Why it matters.
    pub because: String,
    /// The answers there are; any when none is given.
    #[serde(default)]
    pub answers: Vec<String>,
    /// What a line of a plan says that answers it.
    pub found: Pattern,
}

/// The question whose answer names the variant.
pub const INSTALL_METHOD: &str = "install-method";

/// A way of installation.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Variant {
    /// What people call it.
    pub title: String,
    /// Why it cannot be rehearsed on one machine: `rehearse run` refuses it.
    #[serde(default)]
    pub not_rehearsed: Option<String>,
    /// It goes the product's path without downtime: the scenario has to ask for that.
    #[serde(default)]
    pub zero_downtime: bool,
    /// What the rehearsal in containers does not show of it.
    #[serde(default)]
    pub not_shown: Option<String>,
    /// What is done before the window.
    pub before: Vec<Task>,
    /// What begins the window: the backup.
    pub begin: Vec<Task>,
    /// What is done for each hop.
    pub hop: Vec<Task>,
    /// What ends the window.
    pub end: Vec<Task>,
    /// The rollback.
    pub back: Vec<Task>,
}

/// Something to do. Its texts may use `{{ from }}`, `{{ to }}`, `{{ edition }}`, `{{ answers.… }}`, the list `hops` and, in a
/// hop, `{{ hop.from }}`, `{{ hop.to }}`, `{{ hop.number }}`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Task {
    /// What to do, or to look at.
    pub task: Template,
    /// The command.
    #[serde(default)]
    pub command: Option<Template>,
    /// Only in hops to these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// The users cannot work from here on, or can again.
    #[serde(default)]
    pub downtime: Option<Downtime>,
    /// From here on only the backup leads back.
    #[serde(default)]
    pub no_return: bool,
    /// Which stages of the rehearsal measured it: `upgrade` of a hop, `rollback/restore`.
    #[serde(default)]
    pub measured_by: Vec<String>,
}

/// A bound of the time in which users cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Downtime {
    /// It begins with this task.
    Begins,
    /// It is over after this task.
    Ends,
}

/// Something that a plan has to say.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Content {
    /// What has to be said.
    pub what: String,
    /// Why, with the document that asks for it.
    pub because: String,
    /// What a line that says it looks like.
    pub found: Pattern,
    /// Only for plans whose path has a hop to one of these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Only for plans with a line like this.
    #[serde(default)]
    pub concerns: Option<Words>,
    /// It has to stand before the first release is installed, or say in words like these that it comes before.
    #[serde(default)]
    pub before_hops: Option<Pattern>,
}

/// Lines of a plan that are looked for.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Words {
    /// What such a line looks like.
    pub pattern: Pattern,
    /// Lines that look like it and are none.
    #[serde(default)]
    pub unless: Option<Pattern>,
}

/// Something that a plan must not say.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mistake {
    /// What a line that says it looks like.
    pub pattern: Pattern,
    /// What its sentence says where it is none.
    #[serde(default)]
    pub unless: Option<Pattern>,
    /// What excuses it in one of the four lines before or behind it.
    #[serde(default)]
    pub unless_near: Option<Pattern>,
    /// Only for plans whose path has a hop to one of these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Plans with a line like this are not concerned.
    #[serde(default)]
    pub except: Option<Pattern>,
    /// What is wrong with it.
    pub because: String,
    /// What to do instead.
    pub instead: String,
}

/// Two steps that must not follow each other.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sequence {
    /// The first of them.
    pub first: Pattern,
    /// The one that must not follow.
    pub then: Pattern,
    /// What makes it right where it stands between both.
    #[serde(default)]
    pub between: Option<Pattern>,
    /// What is wrong with it.
    pub because: String,
    /// What to do instead.
    pub instead: String,
}

/// How a plan speaks of releases.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mentions {
    /// Lines that name the source, what tells it best first; the first group of each is the release.
    pub from: Vec<Pattern>,
    /// Lines that name the target, what tells it best first; the first group of each is the release. Of the last pattern the
    /// highest release counts: it finds targets of hops too.
    pub to: Vec<Pattern>,
    /// What stands before a version of something else: `PostgreSQL`, `Ubuntu`.
    pub others: Pattern,
    /// A backup that is named; its first group is the release that it is of, with its edition.
    #[serde(default)]
    pub backup: Option<Pattern>,
    /// A restore in words; its groups are the release of the backup, and the one it is restored into.
    #[serde(default)]
    pub restores: Option<Pattern>,
    /// The edition of a backup whose name says none.
    #[serde(default)]
    pub backup_edition: Option<Edition>,
    /// Lines that go from one release to another: `1.0 → 2.0`.
    pub hop: Pattern,
    /// Lines that install the releases they name; these releases are compared with the path.
    pub installs: Words,
    /// Lines that install whatever release a hop goes to.
    pub installs_each: Pattern,
    /// What has to be the same wherever a plan says it.
    #[serde(default)]
    pub once: Vec<Once>,
    /// What lines say of the maintenance window.
    pub window: Pattern,
    /// What lines say of the rollback.
    pub back: Pattern,
}

/// A release that a plan may name often, and always the same.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "RepeatedRelease")]
pub struct Once {
    /// What it is.
    pub what: String,
    /// A line that names it; its first group is the release.
    pub pattern: Pattern,
    /// Only lines before the first installation: behind it the plan speaks of other times.
    #[serde(default)]
    pub before_hops: bool,
}

/// What a scenario says of the production installation, for its runbook.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Production {
    /// Answers to the questions of the product's runbook, by their ids.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// How long the maintenance window is.
    #[serde(default)]
    pub window: Option<Duration>,
    /// What is known to take so long in production, by the name of a stage: `backup`, `restore`, `upgrade`.
    #[serde(default)]
    pub takes: BTreeMap<String, Duration>,
}

impl Runbook {
    /// The mistakes in the file that its shape does not show.
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
                let context = self.names(phase == "hop");
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

    /// A context in which every name that a task may use is there.
    fn names(&self, in_hop: bool) -> Value {
        let answers: BTreeMap<&str, &str> = self.questions.iter().map(|question| (question.id.as_str(), "")).collect();
        let hop = json!({ "from": "", "to": "", "number": 1 });
        let mut names = json!({ "from": "", "to": "", "edition": "", "answers": answers, "hops": [hop] });
        if in_hop && let Some(names) = names.as_object_mut() {
            names.insert("hop".to_owned(), hop);
        }
        names
    }

    /// The way of installation that production has, where that is said.
    pub fn variant(&self, production: &Production) -> Option<&Variant> {
        self.variants.get(production.answers.get(INSTALL_METHOD)?)
    }

    /// The mistakes in what a scenario says of its production; `at` is where that stands.
    pub fn wrong_answers(&self, production: &Production, document: &Document, at: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (id, answer) in &production.answers {
            let at = format!("{at}/answers/{id}");
            let ids: Vec<&str> = self.questions.iter().map(|question| question.id.as_str()).collect();
            let Some(question) = self.questions.iter().find(|question| question.id == *id) else {
                let near = did_you_mean(id, ids.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                let label = format!("expected one of: {}", ids.join(", "));
                problems.push(document.problem(&at, format!("nobody asks `{id}`"), label, near));
                continue;
            };
            if !question.answers.is_empty() && !question.answers.contains(answer) {
                let near = did_you_mean(answer, question.answers.iter().map(String::as_str));
                let near = near.map(|near| format!("did you mean `{near}`?"));
                let label = format!("expected one of: {}", question.answers.join(", "));
                problems.push(document.problem(
                    &at,
                    format!("`{answer}` is no answer to: {}", question.ask),
                    label,
                    near,
                ));
            }
        }
        let known = self.measured();
        for name in production.takes.keys().filter(|name| !known.contains(name.rsplit('/').next().unwrap_or(name))) {
            let near = did_you_mean(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let label = format!("expected one of: {}", known.iter().copied().collect::<Vec<_>>().join(", "));
            let at = format!("{at}/takes/{name}");
            problems.push(document.problem(&at, format!("nothing of the runbook is `{name}`"), label, near));
        }
        problems
    }

    /// The names of what a rehearsal measures, or production says.
    fn measured(&self) -> BTreeSet<&str> {
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
