//! The files that show what was observed: one per observation, in the output folder.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rehearse_core::secret::{Redacting, Redactor};

use super::host::HostError;

/// What kind of text of the product a file of evidence holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// What a command printed or a database returned.
    Output,
    /// The response to an HTTP request.
    Response,
}

#[derive(Debug)]
struct ProductText {
    stage: String,
    file: String,
    kind: TextKind,
}

/// Writes evidence under `evidence/<stage>/`.
#[derive(Debug)]
pub(super) struct Evidence {
    out: PathBuf,
    taken: Mutex<BTreeMap<String, u32>>,
    texts: Mutex<Vec<ProductText>>,
    redactor: Redactor,
}

impl Evidence {
    /// Evidence in an output folder.
    pub(super) fn new(out: &Path, redactor: Redactor) -> Self {
        Self { out: out.to_owned(), taken: Mutex::default(), texts: Mutex::default(), redactor }
    }

    /// Removes secrets from what is written piece by piece into a file of evidence.
    pub(super) fn redacting(&self) -> Redacting {
        self.redactor.stream()
    }

    /// A fresh file for `name` in a stage: its path on the host, and as reports name it.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub(super) fn file(&self, stage: &str, name: &str, extension: &str) -> Result<(PathBuf, String), HostError> {
        let relative = self.unique(stage, name, extension);
        let path = self.out.join(&relative);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| HostError::File {
                operation: "create the folder",
                path: folder.to_owned(),
                source,
            })?;
        }
        Ok((path, relative))
    }

    /// Writes a text and returns the file as reports name it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, stage: &str, name: &str, extension: &str, content: &[u8]) -> Result<String, HostError> {
        let (path, relative) = self.file(stage, name, extension)?;
        let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(&self.redactor.bytes(content)));
        written.map_err(|source| HostError::File { operation: "write", path, source })?;
        Ok(relative)
    }

    /// Removes secrets that were learned since from a file that was written before. A missing file holds none.
    pub(super) fn redact_again(&self, relative: &str) {
        let path = self.out.join(relative);
        let Ok(content) = std::fs::read(&path) else { return };
        if let std::borrow::Cow::Owned(clean) = self.redactor.bytes(&content) {
            let _ = std::fs::write(&path, clean);
        }
    }

    /// Records that a file holds text of the product.
    pub(super) fn record_text(&self, stage: &str, file: &str, kind: TextKind) {
        let text = ProductText { stage: stage.to_owned(), file: file.to_owned(), kind };
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// The kind of text of the product in a file; `None` if it holds something that we wrote.
    pub(super) fn text_kind(&self, file: &str) -> Option<TextKind> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.iter().rev().find(|text| text.file == file).map(|text| text.kind)
    }

    /// The file that holds the last text of the product in a stage.
    pub(super) fn last_text(&self, stage: &str) -> Option<(String, TextKind)> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.iter().rev().find(|text| text.stage == stage).map(|text| (text.file.clone(), text.kind))
    }

    fn unique(&self, stage: &str, name: &str, extension: &str) -> String {
        // The file is named after the request, which may hold a secret.
        let base = format!("evidence/{}/{}", file_name(stage), file_name(&self.redactor.text(name)));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(format!("{base}.{extension}")).or_default();
        *count += 1;
        match *count {
            1 => format!("{base}.{extension}"),
            again => format!("{base}-{again}.{extension}"),
        }
    }
}

/// Turns a text into the name of a file.
fn file_name(text: &str) -> String {
    let characters = text.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' });
    let mut clean = String::new();
    for character in characters {
        if !(character == '-' && clean.ends_with('-')) && clean.len() < 80 {
            clean.push(character);
        }
    }
    clean.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_stay_inside_the_folder_and_are_unique() {
        let evidence = Evidence::new(Path::new("/out"), Redactor::default());
        assert_eq!(
            evidence.unique("hop-1/check", "../../GET /a?b=c", "json"),
            "evidence/hop-1-check/..-..-GET-a-b-c.json"
        );
        assert_eq!(
            evidence.unique("hop-1/check", "../../GET /a?b=c", "json"),
            "evidence/hop-1-check/..-..-GET-a-b-c-2.json"
        );
    }
}
