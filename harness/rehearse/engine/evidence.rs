//! The files that show what was seen: one per observation, in the output folder.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rehearse_core::secret::{Redacting, Redactor};

use super::host::HostError;

/// What a file of evidence holds of the product's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// What a command printed or a database answered.
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

    /// Takes secrets out of what is written piece by piece into a file of evidence.
    pub(super) fn redacting(&self) -> Redacting {
        self.redactor.stream()
    }

    /// A fresh file for `name` in a stage: its path on the host, and as reports name it.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(super) fn file(&self, stage: &str, name: &str, extension: &str) -> Result<(PathBuf, String), HostError> {
        let relative = self.unique(stage, name, extension);
        let path = self.out.join(&relative);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| HostError::File {
                operation: "make the folder",
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

    /// Takes secrets that were learned since out of a file that is written already. One that is gone shows none.
    pub(super) fn again(&self, relative: &str) {
        let path = self.out.join(relative);
        let Ok(content) = std::fs::read(&path) else { return };
        if let std::borrow::Cow::Owned(clean) = self.redactor.bytes(&content) {
            let _ = std::fs::write(&path, clean);
        }
    }

    /// Takes down that a file holds the product's own words.
    pub(super) fn holds(&self, stage: &str, file: &str, kind: TextKind) {
        let text = ProductText { stage: stage.to_owned(), file: file.to_owned(), kind };
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// What a file holds of the product's own words; none where it holds a state of ours.
    pub(super) fn kind(&self, file: &str) -> Option<TextKind> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.iter().rev().find(|text| text.file == file).map(|text| text.kind)
    }

    /// The last words of the product in a stage, and the file that holds them.
    pub(super) fn last(&self, stage: &str) -> Option<(String, TextKind)> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.iter().rev().find(|text| text.stage == stage).map(|text| (text.file.clone(), text.kind))
    }

    fn unique(&self, stage: &str, name: &str, extension: &str) -> String {
        // A question may hold a secret, and the file is called by it.
        let base = format!("evidence/{}/{}", clean(stage), clean(&self.redactor.text(name)));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(format!("{base}.{extension}")).or_default();
        *count += 1;
        match *count {
            1 => format!("{base}.{extension}"),
            again => format!("{base}-{again}.{extension}"),
        }
    }
}

/// A text as the name of a file.
fn clean(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' });
    let mut clean = String::new();
    for character in kept {
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
    fn names_never_leave_the_folder_and_never_meet() {
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
