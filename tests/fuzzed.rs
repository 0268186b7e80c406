//! What the fuzzers found worth keeping goes through the same checks in every run of the tests, without a fuzzer:
//! what was found once stays mended.

use std::fs;
use std::path::Path;

type Tried = Result<(), Box<dyn std::error::Error>>;

#[path = "../fuzz/checks/junit_text.rs"]
mod junit_text;
#[path = "../fuzz/checks/log_review.rs"]
mod log_review;
#[path = "../fuzz/checks/migration_output.rs"]
mod migration_output;
#[path = "../fuzz/checks/pieces.rs"]
mod pieces;
#[path = "../fuzz/checks/spec.rs"]
mod spec;
#[path = "../fuzz/checks/tar_reading.rs"]
mod tar_reading;

/// All files of a target's corpus, and their beginnings.
fn replay(target: &str, check: fn(&[u8])) -> Tried {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.sort();
    assert!(files.len() >= 10, "{} files in {}", files.len(), folder.display());
    for file in files {
        let bytes = fs::read(&file)?;
        // So that a failure names the file.
        let ran = std::panic::catch_unwind(|| [bytes.len(), bytes.len() / 2, 0].map(|end| check(&bytes[..end])));
        assert!(ran.is_ok(), "{}", file.display());
    }
    Ok(())
}

#[test]
fn kept_texts_of_authors_are_read_or_refused() -> Tried {
    replay("spec", spec::check)
}

#[test]
fn kept_outputs_of_migrators_are_read_wherever_they_are_cut() -> Tried {
    replay("migration_output", migration_output::check)
}

#[test]
fn kept_logs_are_reviewed_wherever_they_are_cut() -> Tried {
    replay("log_review", log_review::check)
}

#[test]
fn kept_texts_of_products_make_a_whole_report() -> Tried {
    replay("junit_text", junit_text::check)
}

#[test]
fn kept_archives_are_read_to_their_end() -> Tried {
    replay("tar_reading", tar_reading::check)
}
