//! `rehearse run --dry-run`: every stage with its containers and commands, without an engine.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use rehearse_core::deployment::{CommandSpec, MountSource, STOP_GRACE, ServiceSpec, command_line, resolve, services};
use rehearse_core::model::product::{
    Body, Condition, ExecStep, HttpStep, Probe, ProbeStep, Product, Service, SqlCondition, SqlStep, Step, WaitUntil,
};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::planning::compatibility::HopNotice;
use rehearse_core::planning::plan::{RunsOn, Stage, StageAction, describe, humane, render_notices};
use rehearse_core::secret::without_named;
use rehearse_core::vocabulary::ident::DeploymentName;
use rehearse_core::vocabulary::release::{Range, Release};
use rehearse_core::vocabulary::scalar::Size;
use rehearse_core::vocabulary::template::Template;
use serde_json::{Value, json};

use super::dry_lines::Lines;
use crate::load::Loaded;
use crate::{cli, secrets};

/// Prints what a run would do, and how it would end if that is known already.
pub(crate) fn dry_run(loaded: &Loaded) -> Exit {
    let DryRun { text, unfilled } = DryRun::of(loaded);
    cli::print(&text);
    for failed in &unfilled {
        cli::say(&format!("error: {}: {failed}", loaded.scenario.scenario));
    }
    if unfilled.is_empty() {
        return Exit::Passed;
    }
    cli::say("a run would be inconclusive: correct the product file or the scenario");
    Exit::Inconclusive
}

/// What a run would do: every stage with each service, command and request. What only a run knows is printed as
/// `<captured.x>`, `<run>` or `<each.x>`; secrets are removed.
pub fn dry_run_text(loaded: &Loaded) -> String {
    DryRun::of(loaded).text
}

/// What a run would do, without secrets.
struct DryRun {
    text: String,
    /// Each reason why a text cannot be filled in: a run could not carry out that step.
    unfilled: BTreeSet<String>,
}

impl DryRun {
    fn of(loaded: &Loaded) -> Self {
        let (redactor, _) = secrets::redactor(loaded);
        let (captured, each) = unknown(&loaded.product, loaded);
        let dry = Dry { loaded, captured, each, unfilled: RefCell::default() };
        let text = redactor.text(&dry.text()).into_owned();
        let unfilled = dry.unfilled.into_inner().iter().map(|failed| redactor.text(failed).into_owned()).collect();
        Self { text, unfilled }
    }
}

pub(super) struct Dry<'a> {
    pub(super) loaded: &'a Loaded,
    /// Placeholders for what steps capture, by name.
    pub(super) captured: Value,
    /// Placeholders for the values of `for-each`, by name.
    pub(super) each: Value,
    /// Each reason why a text cannot be filled in.
    pub(super) unfilled: RefCell<BTreeSet<String>>,
}

/// The releases and the stage of a step.
pub(super) struct StageContext<'a> {
    pub(super) release: &'a Release,
    pub(super) from: &'a Release,
    pub(super) to: &'a Release,
    pub(super) hop: u32,
    /// The hop whose images the services use.
    images_of: u32,
    pub(super) stage: &'a Stage,
}

impl Dry<'_> {
    fn text(&self) -> String {
        let plan = &self.loaded.plan;
        let mut lines = Lines::default();
        lines.at(0, format!("{}: {} {} → {}", plan.scenario, plan.product, plan.from, plan.to));
        lines.at(0, "nothing is started and no container engine is asked; what only a run knows stands in <>");
        lines.at(0, format!("backup {}", self.loaded.backup.display()));
        for list in &plan.lists {
            lines.at(0, list.to_string());
        }
        let notices: Vec<&[HopNotice]> = plan.hops.iter().map(|hop| hop.notices.as_slice()).collect();
        for (hop, notices) in plan.hops.iter().zip(render_notices(&notices)) {
            lines.at(0, format!("hop {}: {} → {}, {}", hop.number, hop.from, hop.to, hop.because));
            lines.block(notices);
        }
        for stage in &plan.stages {
            lines.at(0, format!("{:02} {}: {}", stage.number, stage.id, stage.title));
            self.stage(stage, &mut lines);
        }
        lines.text
    }

    fn stage(&self, stage: &Stage, lines: &mut Lines) {
        let plan = &self.loaded.plan;
        let before = plan.hop_before(stage);
        let (images_of, hop) = match stage.runs_on() {
            RunsOn::Source => (0, 0),
            RunsOn::Before(hop) => (before, hop),
            RunsOn::After(hop) => (hop, hop),
        };
        let (from, to) = (plan.release(before), plan.release(hop));
        let ctx = &StageContext { release: plan.release(images_of), from, to, hop, images_of, stage };
        match &stage.action {
            StageAction::VerifyBackup => self.backup(lines),
            StageAction::Images { images, .. } => {
                // In the order of the hops, each once: sorted as text, 1.10 would come before 1.2.
                let mut named = BTreeSet::new();
                for need in images.iter().filter(|need| named.insert(&need.image)) {
                    lines.at(1, format!("image {}", need.image));
                }
            }
            StageAction::Deploy { steps } | StageAction::Install { steps, .. } => {
                let deployment = stage.deployment.clone().unwrap_or_else(DeploymentName::main);
                lines.at(1, format!("deployment {deployment}: a network and volumes of its own"));
                for (name, service) in services(&self.loaded.product, &self.loaded.scenario) {
                    self.container(ctx, &name, &service, lines);
                }
                self.steps(ctx, steps, lines);
            }
            StageAction::Restore { steps }
            | StageAction::Prepare { steps }
            | StageAction::Preflight { steps }
            | StageAction::Upgrade { steps }
            | StageAction::Settle { steps }
            | StageAction::RollbackInPlace { steps } => self.steps(ctx, steps, lines),
            StageAction::Decide => {
                for hop in &plan.hops {
                    if let Some(when) = &hop.when {
                        let text = self.rendered(ctx, &when.sql);
                        lines.at(1, format!("stop at {}: in database {}: {text}", hop.to, when.database));
                    }
                }
            }
            StageAction::Baseline { checks }
            | StageAction::Check { checks }
            | StageAction::CheckRollback { checks } => {
                self.checks(ctx, checks, lines);
            }
            StageAction::CompareFresh { .. } => self.checks(ctx, stage.checks(), lines),
            StageAction::RollbackSkipped { because } => lines.at(1, because),
            StageAction::Mutate { batch } => lines.at(1, format!("plant a batch of mutations: {}", batch.name())),
            StageAction::Teardown => {
                lines.at(1, "remove every container, network and volume that carries the run's labels")
            }
        }
    }

    fn backup(&self, lines: &mut Lines) {
        for (name, format) in self.loaded.product.backup.files() {
            lines.at(1, format!("{name}: {}", format.describe()));
        }
    }

    /// Prints a service as it would be created.
    fn container(&self, ctx: &StageContext<'_>, name: &str, service: &Service, lines: &mut Lines) {
        lines.at(1, format!("container {name}"));
        let need = self.loaded.plan.image(ctx.images_of, name);
        let image = need.map_or_else(|| self.rendered(ctx, &service.image), |need| need.image.clone());
        // A file of variables in the backup is not read before a run; its name is printed instead.
        match resolve(name, service, &image, BTreeMap::new(), &self.values(ctx)) {
            Ok(spec) => facts(&spec, service.env_file.as_deref(), lines),
            Err(error) => lines.at(2, format!("cannot be created: {}", self.failed(&error))),
        }
        if let Some(ready) = &service.ready {
            lines.at(2, "ready when");
            self.condition(ctx, ready, 3, lines);
        }
    }

    fn steps(&self, ctx: &StageContext<'_>, steps: &[Step], lines: &mut Lines) {
        for step in steps {
            self.step(ctx, step, lines);
        }
    }

    fn step(&self, ctx: &StageContext<'_>, step: &Step, lines: &mut Lines) {
        match step {
            Step::Start(_) | Step::Stop(_) | Step::Restart(_) => lines.at(1, describe(step)),
            Step::Replace(names) => {
                let all = services(&self.loaded.product, &self.loaded.scenario);
                for (name, service) in names.iter().filter_map(|name| all.get_key_value(name)) {
                    lines.at(1, format!("replace {name}; its volumes stay"));
                    self.container(ctx, name, service, lines);
                }
            }
            Step::Exec(step) => self.exec(ctx, step, "in", lines),
            Step::Run(step) => self.exec(ctx, step, "in a one-off like", lines),
            Step::StartUpgrading(start) => {
                lines.at(1, format!("start {}, which upgrades itself, until", start.service));
                self.condition(ctx, &start.until, 2, lines);
            }
            Step::CopyIn(copy) | Step::Unpack(copy) => {
                let verb = if matches!(step, Step::CopyIn(_)) { "copy" } else { "unpack" };
                let optional = if copy.optional { ", where the backup has it" } else { "" };
                let to = self.rendered(ctx, &copy.to);
                lines.at(1, format!("{verb} {} to {}:{to}{optional}", copy.from, copy.service));
            }
            Step::Http(step) => self.http(ctx, step, lines),
            Step::Sql(step) => self.sql(ctx, step, lines),
            Step::WaitUntil(step) => self.wait(ctx, step, lines),
        }
    }

    fn exec(&self, ctx: &StageContext<'_>, step: &ExecStep, place: &str, lines: &mut Lines) {
        if !applies(step.releases.as_ref(), ctx) {
            return;
        }
        let user = step.user.as_ref().map(|user| format!(" as {user}")).unwrap_or_default();
        let name = step.name.as_ref().map(|name| format!("{name}, ")).unwrap_or_default();
        lines.at(1, format!("{name}{place} {}{user}", step.service));
        self.expected(ctx, &step.expect);
        match CommandSpec::of(step, &self.values(ctx)) {
            Ok(command) => {
                variables(&command.env, lines);
                lines.block_at(2, &format!("$ {}", command_line(&command.argv)));
            }
            Err(error) => lines.at(2, format!("cannot be run: {}", self.failed(&error))),
        }
    }

    fn http(&self, ctx: &StageContext<'_>, step: &HttpStep, lines: &mut Lines) {
        if !applies(step.releases.as_ref(), ctx) {
            return;
        }
        let name = step.name.as_ref().map(|name| format!("{name}, ")).unwrap_or_default();
        let identity = step.identity.as_ref().map(|identity| format!(" as {}", self.rendered(ctx, identity)));
        self.expected(ctx, &step.expect);
        step.headers.values().for_each(|value| drop(self.rendered(ctx, value)));
        let path = self.rendered(ctx, &step.path);
        let (method, port) = (step.method.name(), step.port);
        lines.at(1, format!("{name}{method} {}:{port}{path}{}", step.service, identity.unwrap_or_default()));
        match &step.body {
            Some(Body::Json(json)) => {
                lines.at(2, format!("body {}", self.filled(ctx, json)));
            }
            Some(Body::Text(text)) => lines.block_at(2, &format!("body {}", self.rendered(ctx, text))),
            Some(Body::Form(form)) => {
                let form = form.iter().map(|(key, value)| format!("{key}={}", self.rendered(ctx, value)));
                lines.at(2, format!("form {}", form.collect::<Vec<_>>().join("&")));
            }
            None => {}
        }
    }

    fn sql(&self, ctx: &StageContext<'_>, step: &SqlStep, lines: &mut Lines) {
        if applies(step.releases.as_ref(), ctx) {
            let name = step.name.as_ref().map(|name| format!("{name}, ")).unwrap_or_default();
            self.expected(ctx, &step.expect);
            lines.at(1, format!("{name}in database {}", step.database));
            lines.block_at(2, &self.rendered(ctx, &step.query));
        }
    }

    fn wait(&self, ctx: &StageContext<'_>, step: &WaitUntil, lines: &mut Lines) {
        if !applies(step.releases.as_ref(), ctx) {
            return;
        }
        lines.at(1, format!("wait at most {} until {}", humane(step.deadline.get()), step.name));
        self.condition(ctx, &step.condition, 2, lines);
        let mut query = |what: &str, database: &str, sql: &Template| {
            lines.at(2, format!("{what}, in database {database}"));
            lines.block_at(3, &self.rendered(ctx, sql));
        };
        if let Some((progress, sql)) =
            step.progress.as_ref().and_then(|progress| Some((progress, progress.sql.as_ref()?)))
        {
            query("progress", &progress.database, sql);
        }
        if let Some(SqlCondition { database, sql }) = &step.failed {
            query("failed where there is a row", database, sql);
        }
        if let Some(limit) = &step.stalled_after {
            lines.at(2, format!("given up without progress for {}", humane(limit.get())));
        }
    }

    fn condition(&self, ctx: &StageContext<'_>, condition: &Condition, depth: usize, lines: &mut Lines) {
        match condition {
            Condition::Http(http) => {
                let path = self.rendered(ctx, &http.path);
                lines.at(depth, format!("GET :{}{path} answers {}", http.port, http.status.unwrap_or(200)));
            }
            Condition::Tcp(tcp) => lines.at(depth, format!("port {} accepts connections", tcp.port)),
            Condition::Exec(exec) => lines.block_at(depth, &format!("$ {}", self.command(ctx, &exec.command))),
            Condition::Log(pattern) => lines.at(depth, format!("its log has a line that matches {pattern}")),
            Condition::Health => lines.at(depth, "the image's own health check says healthy"),
            Condition::Sql(sql) => {
                lines.at(depth, format!("in database {}", sql.database));
                lines.block_at(depth + 1, &self.rendered(ctx, &sql.sql));
            }
        }
    }

    fn checks(&self, ctx: &StageContext<'_>, kinds: &[CheckKind], lines: &mut Lines) {
        let checks = &self.loaded.product.checks;
        for kind in kinds {
            lines.at(1, format!("check {}", kind.name()));
            let probes: &[Probe] = match kind {
                CheckKind::Version => &checks.version,
                CheckKind::Health => &checks.health,
                CheckKind::Access => &checks.access,
                CheckKind::Repositories => &checks.repositories,
                CheckKind::Artifacts => &checks.artifacts,
                CheckKind::Journeys => &checks.journeys,
                CheckKind::Migrations
                | CheckKind::Data
                | CheckKind::Files
                | CheckKind::Crawl
                | CheckKind::Graphql
                | CheckKind::Logs
                | CheckKind::Performance
                | CheckKind::Fresh => &[],
            };
            for probe in probes.iter().filter(|probe| applies(probe.releases.as_ref(), ctx)) {
                lines.at(1, format!("- {}", probe.name));
                probe.all_steps().for_each(|step| self.probe_step(ctx, step, lines));
            }
            match kind {
                CheckKind::Migrations => {
                    if let Some(check) = &checks.migrations {
                        lines.at(1, format!("in {}", check.known.service));
                        lines.block_at(2, &format!("$ {}", self.command(ctx, &check.known.command)));
                        check.status.iter().for_each(|step| self.exec(ctx, step, "in", lines));
                    }
                }
                CheckKind::Graphql => {
                    for query in checks.graphql.iter().flat_map(|check| &check.queries) {
                        lines.at(1, format!("- {}", query.name));
                    }
                }
                CheckKind::Crawl => {
                    if let Some(check) = &checks.crawl {
                        for start in &check.start {
                            let path = self.rendered(ctx, start);
                            lines.at(1, format!("- GET http://{}:{}{path}, and from there", check.service, check.port));
                        }
                    }
                }
                CheckKind::Performance => {
                    checks.performance.requests.iter().for_each(|step| self.http(ctx, step, lines));
                }
                CheckKind::Logs => {
                    let files = self.loaded.product.services.values().flat_map(|service| &service.logs);
                    files.for_each(|file| lines.at(1, format!("- {file}")));
                }
                CheckKind::Fresh => {
                    for step in checks.fresh.iter().flat_map(|check| &check.settings) {
                        self.probe_step(ctx, step, lines);
                    }
                }
                CheckKind::Access => {
                    for (name, _, refused) in self.loaded.product.refused() {
                        lines.at(1, format!("- {name} is refused: {}", refused.because));
                        refused.requests.iter().for_each(|step| self.http(ctx, step, lines));
                    }
                }
                CheckKind::Version
                | CheckKind::Health
                | CheckKind::Repositories
                | CheckKind::Artifacts
                | CheckKind::Journeys
                | CheckKind::Data
                | CheckKind::Files => {}
            }
        }
    }

    fn probe_step(&self, ctx: &StageContext<'_>, step: &ProbeStep, lines: &mut Lines) {
        match step {
            ProbeStep::Http(step) => self.http(ctx, step, lines),
            ProbeStep::Exec(step) => self.exec(ctx, step, "in", lines),
            ProbeStep::Sql(step) => self.sql(ctx, step, lines),
        }
    }
}

/// Prints the settings of a service, one per line.
fn facts(spec: &ServiceSpec, env_file: Option<&str>, lines: &mut Lines) {
    lines.at(2, format!("image {}", spec.image));
    let fact = |lines: &mut Lines, what: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.at(2, format!("{what} {value}"));
        }
    };
    fact(lines, "hostname", spec.hostname.clone());
    fact(lines, "entrypoint", spec.entrypoint.as_deref().map(command_line));
    fact(lines, "command", spec.command.as_deref().map(command_line));
    fact(lines, "user", spec.user.clone());
    fact(lines, "workdir", spec.workdir.clone());
    fact(lines, "env-file", env_file.map(str::to_owned));
    variables(&spec.env, lines);
    for mount in &spec.mounts {
        lines.at(
            2,
            match &mount.source {
                MountSource::Volume(volume) => format!("volume {volume}:{}", mount.target),
                MountSource::Memory => format!("tmpfs {}", mount.target),
            },
        );
    }
    spec.aliases.iter().for_each(|alias| fact(lines, "alias", Some(alias.clone())));
    spec.ports.iter().for_each(|port| fact(lines, "port", Some(port.to_string())));
    fact(lines, "shm-size", spec.shm_size.map(|bytes| Size::of_bytes(bytes).to_string()));
    fact(lines, "memory", spec.memory.map(|bytes| Size::of_bytes(bytes).to_string()));
    fact(lines, "cpus", spec.cpus.map(|cpus| cpus.to_string()));
    fact(lines, "stop-grace", (spec.stop_grace != STOP_GRACE).then(|| humane(spec.stop_grace)));
}

fn variables(env: &BTreeMap<String, String>, lines: &mut Lines) {
    for (key, value) in env {
        lines.at(2, format!("env {key}={}", without_named(value)));
    }
}

fn applies(releases: Option<&Range>, ctx: &StageContext<'_>) -> bool {
    releases.is_none_or(|range| range.contains(ctx.release))
}

/// The placeholders for what only a run knows: every name that a step captures, and every name in a `for-each`.
fn unknown(product: &Product, loaded: &Loaded) -> (Value, Value) {
    let (mut captured, mut each) = (BTreeMap::new(), BTreeMap::new());
    let files = [serde_json::to_value(product), serde_json::to_value(&loaded.scenario)];
    for file in files.iter().flatten() {
        collect(file, "capture", "captured", &mut captured);
        collect(file, "for-each", "each", &mut each);
    }
    (json!(captured), json!(each))
}

fn collect(value: &Value, key: &str, prefix: &str, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for name in map.get(key).and_then(Value::as_object).into_iter().flat_map(|names| names.keys()) {
                found.insert(name.clone(), format!("<{prefix}.{name}>"));
            }
            map.values().for_each(|value| collect(value, key, prefix, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, key, prefix, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
