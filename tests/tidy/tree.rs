//! The texts that the rules look at: files of the repository, or files planted by a test.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

pub(crate) type Tested = Result<(), Box<dyn std::error::Error>>;

/// A text file, named by its path from the root of the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file that exists in a test only.
pub(crate) fn planted(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

/// Every file with this extension below a folder, in the order of their paths.
pub(crate) fn files(under: &str, extension: &str) -> Result<Vec<Source>, Box<dyn std::error::Error>> {
    let mut found = Vec::new();
    let skipped = |name: &str| name == "target" || (name.len() > 1 && name.starts_with('.'));
    let walk = WalkDir::new(root().join(under)).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !entry.file_name().to_str().is_some_and(skipped)) {
        let entry = entry?;
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|own| own == extension) {
            let path = entry.path().strip_prefix(root())?.to_string_lossy().replace('\\', "/");
            found.push(Source { path, text: String::from_utf8_lossy(&fs::read(entry.path())?).into_owned() });
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing under {under}: the rule would hold for nothing");
    Ok(found)
}

/// Fails with all breaches at once.
pub(crate) fn none(breaches: &[String]) -> Tested {
    assert!(breaches.is_empty(), "broken in {} places:\n{}", breaches.len(), breaches.join("\n"));
    Ok(())
}
