//! Builds images from Dockerfiles, with the classic builder, which every engine has.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::env;
use std::path::PathBuf;

use bollard::errors::Error;
use bollard::query_parameters::{BuildImageOptionsBuilder, BuilderVersion};
use futures_util::StreamExt;
use rehearse_core::secret::Redacting;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio_util::bytes::Bytes;

use crate::docker::client::engine_message;
use crate::docker::context::{ContextFile, archive};
use crate::docker::making::{LIMIT, Making};
use crate::engine::host::{BoxError, HostError};

/// How many lines of output the error of a failed build quotes.
const LAST_LINES: usize = 20;
/// How many characters of the failed step it quotes.
const STEP: usize = 120;

/// Builds an image. If it is dropped midway, the engine ends the build, and leaves only layers without a name.
pub(crate) async fn build(
    making: &Making<'_>,
    files: &[ContextFile],
    base: &str,
    args: &BTreeMap<String, String>,
) -> Result<(), HostError> {
    let context = archive(files).map_err(|error| making.fail("its context cannot be packed", Some(error.into())))?;
    let mut arguments: HashMap<String, String> = proxies().collect();
    arguments.extend(args.clone());
    arguments.insert("BASE".into(), base.to_owned());
    let options = BuildImageOptionsBuilder::new()
        .t(making.target)
        .buildargs(&arguments)
        .labels(&making.labels)
        .rm(true)
        .forcerm(true)
        .version(BuilderVersion::BuilderV1)
        .build();
    let docker = making.client.patient(LIMIT);
    let mut responses = docker.build_image(options, None, Some(bollard::body_full(Bytes::from(context)))).boxed();
    let mut output = Output::open(making).await?;
    let building = async {
        while let Some(response) = responses.next().await {
            match response {
                Ok(response) => output.take(response.stream.as_deref().unwrap_or_default(), making).await?,
                Err(error) => {
                    output.finish().await?;
                    let (code, source) = failure(error);
                    let reason = format!("its build failed at {}{code}:\n{}", output.step(), output.last());
                    return Err(making.fail(reason, source));
                }
            }
        }
        output.finish().await
    };
    tokio::time::timeout(LIMIT, building).await.unwrap_or_else(|_| Err(making.late()))
}

/// The exit code of a failed step, without the engine's message, which only repeats the step; or another error.
fn failure(error: Error) -> (String, Option<BoxError>) {
    match engine_message(&error).rsplit_once("returned a non-zero code: ") {
        Some((_, code)) => (format!(" (exit code {})", code.trim()), None),
        None => (String::new(), Some(error.into())),
    }
}

/// The proxies of this machine, except those that containers cannot reach. The builder predefines these arguments, so that
/// a Dockerfile need not declare them. They do not identify an image.
fn proxies() -> impl Iterator<Item = (String, String)> {
    let names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
    let values = names.into_iter().filter_map(|name| Some((name.to_owned(), env::var(name).ok()?)));
    values.filter(|(name, value)| {
        let unreachable = ["//localhost", "//127.", "//[::1]"].iter().any(|here| value.contains(here));
        name.eq_ignore_ascii_case("no_proxy") || !unreachable
    })
}

/// The output of a build: all of it goes into a file, its end is kept for the error.
struct Output {
    file: File,
    path: PathBuf,
    redacting: Redacting,
    step: String,
    line: String,
    lines: VecDeque<String>,
}

impl Output {
    async fn open(making: &Making<'_>) -> Result<Self, HostError> {
        let path = making.log.clone();
        let file = File::create(&path).await;
        let file = file.map_err(|source| HostError::File { operation: "write", path: path.clone(), source })?;
        let redacting = making.redactor.stream();
        Ok(Self { file, path, redacting, step: "its first step".into(), line: String::new(), lines: VecDeque::new() })
    }

    async fn write(&mut self, clean: &[u8]) -> Result<(), HostError> {
        let written = async { self.file.write_all(clean).await.and(self.file.flush().await) }.await;
        written.map_err(|source| HostError::File { operation: "write", path: self.path.clone(), source })
    }

    /// Writes what the redaction still holds back.
    async fn finish(&mut self) -> Result<(), HostError> {
        let rest = self.redacting.finish();
        self.write(&rest).await
    }

    async fn take(&mut self, text: &str, making: &Making<'_>) -> Result<(), HostError> {
        let clean = self.redacting.take(text.as_bytes());
        self.write(&clean).await?;
        self.line.push_str(text);
        while let Some((line, rest)) = self.line.split_once('\n') {
            let line = line.trim_end().to_owned();
            self.line = rest.to_owned();
            if line.starts_with("Step ") {
                making.report_progress(&line);
                self.step.clone_from(&line);
                self.lines.clear();
            } else if !line.is_empty() && !line.starts_with(" ---> ") && !line.starts_with("Removing intermediate") {
                making.report_progress(&format!("{}: {}", self.number(), newest(&line)));
                self.lines.push_back(line);
                if self.lines.len() > LAST_LINES {
                    self.lines.pop_front();
                }
            }
        }
        // A bar of progress is drawn over and over on a line that does not end.
        let unfinished = newest(&self.line);
        if !unfinished.is_empty() {
            making.report_progress(&format!("{}: {unfinished}", self.number()));
        }
        Ok(())
    }

    /// `Step 5/9`.
    fn number(&self) -> &str {
        self.step.split_once(" : ").map_or(&self.step, |(number, _)| number)
    }

    /// The current step, cut short: a step may be a whole program.
    fn step(&self) -> String {
        let cut: String = self.step.chars().take(STEP).collect();
        if cut.len() < self.step.len() { format!("{cut}…") } else { cut }
    }

    fn last(&self) -> String {
        self.lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// What a terminal would show of a line that is drawn over itself.
fn newest(line: &str) -> &str {
    line.rsplit('\r').map(str::trim).find(|text| !text.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_line_that_is_drawn_over_itself_the_end_is_shown() {
        assert_eq!(newest("fetching 10%\rfetching 55%\r  "), "fetching 55%");
        assert_eq!(newest("Installing nokogiri 1.15.4"), "Installing nokogiri 1.15.4");
        assert_eq!(newest(" \r "), "");
    }
}
