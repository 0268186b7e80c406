//! Reads the logs since the hop began: what each service printed, and the log files inside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rehearse_core::check::{LogScanner, judge_logs};
use rehearse_core::model::product::LogCheck;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{LogReview, LogSource};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::subject::Subject;

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::host::{Command, Host};
use super::mode::{Mode, name};
use super::observer::Observer;
use super::state::{LogOffset, State};
use super::wait::Tail;

/// How long listing or measuring log files inside a service may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// Prints the files that match the patterns in `LOGS`, which the shell expands.
const LIST: &str = r#"for file in $LOGS; do if [ -f "$file" ]; then echo "$file"; fi; done"#;

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Remembers the length of every log before a hop.
    pub(crate) async fn mark_logs(&self, ctx: &StageContext, state: &mut State) {
        for (name, service) in self.case.services() {
            let container = self.host.log_file(&ctx.instance(&name));
            let printed = container.as_deref().map_or(0, length);
            let mut files = BTreeMap::new();
            for file in self.log_files(ctx, &name, &service.logs).await.unwrap_or_default() {
                let argv = vec!["sh".to_owned(), "-c".to_owned(), "wc -c <\"$0\"".to_owned(), file.clone()];
                let mut tail = Tail::default();
                let command = Command { argv, ..Command::default() };
                let _wait = self.meter.product();
                // If the length is unknown, the whole file is read later, which can only find more.
                let instance = ctx.instance(&name);
                let measure = self.host.exec(&instance, &command, &mut tail);
                if let Ok(Ok(0)) = tokio::time::timeout(LIST_TIMEOUT, measure).await {
                    files.insert(file.clone(), tail.text().parse().unwrap_or(0));
                }
            }
            state.of_mut(&ctx.deployment).log_offsets.insert(name, LogOffset { container, printed, files });
        }
    }

    pub(crate) async fn logs(
        &self,
        ctx: &StageContext,
        state: &State,
        check: &LogCheck,
        known: &[LogReview],
        mode: Mode,
    ) -> (CheckReport, Vec<LogReview>) {
        let mut report = CheckReport::new(CheckKind::Logs, name::LOGS);
        let (mut reviews, mut whole) = (Vec::new(), BTreeSet::new());
        self.host.logs_written().await;
        for (name, service) in self.case.services() {
            let printed = self.host.log_file(&ctx.instance(&name));
            let offset = state
                .of(&ctx.deployment)
                .log_offsets
                .get(&name)
                .filter(|offset| mode == Mode::Hop && offset.container == printed);
            if let (Some(_), None) = (&printed, offset) {
                whole.insert(LogSource::from(name.as_str()));
            }
            if let Some(file) = &printed {
                let from = offset.map_or(0, |offset| offset.printed);
                let evidence = self.log_name(ctx, &name);
                self.scan(ctx, check, name.as_str().into(), file, from, evidence, &mut reviews, &mut report).await;
            }
            let paths = match self.log_files(ctx, &name, &service.logs).await {
                Ok(paths) => paths,
                Err(reason) => {
                    let text = format!("its log files cannot be listed: {reason}");
                    report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Log(name.clone()), text);
                    continue;
                }
            };
            for path in &paths {
                let short = path.rsplit('/').next().unwrap_or(path);
                let file = self.case.out.join("logs").join(format!(
                    "{}-{name}-{}-{short}",
                    ctx.deployment,
                    ctx.stage.0.replace('/', "-")
                ));
                let copied = {
                    let _wait = self.meter.engine();
                    self.host.copy_out_file(&ctx.instance(&name), path, &file).await
                };
                match copied {
                    Ok(true) => {
                        let from = offset.and_then(|offset| offset.files.get(path)).copied().unwrap_or(0);
                        let evidence = file.strip_prefix(&self.case.out).unwrap_or(&file).display().to_string();
                        let source = LogSource { service: name.clone(), file: Some(short.to_owned()) };
                        if offset.is_none() {
                            whole.insert(source.clone());
                        }
                        self.scan(ctx, check, source, &file, from, Some(evidence), &mut reviews, &mut report).await;
                    }
                    Ok(false) => {
                        let text = format!("there is no file {path}");
                        report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Log(name.clone()), text);
                    }
                    Err(error) => report.inconclusive.push(EngineError::from(error).reason()),
                }
            }
        }
        // What the source release logs is the reference for later stages, not a finding.
        judge_logs(&reviews, if mode == Mode::Baseline { &reviews } else { known }, &whole, &mut report);
        (report.decide(), reviews)
    }

    /// The log files of a service: the paths without a pattern, and the files that match each pattern.
    async fn log_files(&self, ctx: &StageContext, service: &str, paths: &[String]) -> Result<Vec<String>, String> {
        let (patterns, mut files): (Vec<String>, Vec<String>) =
            paths.iter().cloned().partition(|path| path.contains('*'));
        if patterns.is_empty() {
            return Ok(files);
        }
        let argv = vec!["sh".to_owned(), "-c".to_owned(), LIST.to_owned()];
        let mut tail = Tail::default();
        let command = Command { argv, env: [("LOGS".to_owned(), patterns.join(" "))].into(), ..Command::default() };
        let _wait = self.meter.product();
        let instance = ctx.instance(service);
        let listed = self.host.exec(&instance, &command, &mut tail);
        match tokio::time::timeout(LIST_TIMEOUT, listed).await {
            Ok(Ok(0)) => files.extend(tail.text().lines().map(str::to_owned)),
            Ok(Ok(code)) => return Err(format!("exit code {code}: {}", tail.text())),
            Ok(Err(error)) => return Err(error.chain()),
            Err(_) => return Err(format!("no response within {LIST_TIMEOUT:?}")),
        }
        Ok(files)
    }

    #[expect(clippy::too_many_arguments, reason = "one call in two places, all of it needed")]
    async fn scan(
        &self,
        ctx: &StageContext,
        check: &LogCheck,
        source: LogSource,
        file: &Path,
        from: u64,
        evidence: Option<String>,
        reviews: &mut Vec<LogReview>,
        report: &mut CheckReport,
    ) {
        let read = match LogScanner::new(check, &ctx.release, source.clone()) {
            Ok(scanner) => self.observer.log(file, from, scanner).await,
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(mut review) => {
                review.evidence = evidence;
                reviews.push(review);
            }
            Err(reason) => {
                report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Log(source.to_string()), reason);
            }
        }
    }
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |data| data.len())
}
