//! `rehearse diagnose`: known failures in any log, without a rehearsal.

mod told;

use rehearse_core::check::LogSift;
use rehearse_core::diagnosis::{Diagnosis, Found, tree};
use rehearse_core::observe::LogReview;
use rehearse_core::product::LogCheck;
use rehearse_core::release::Release;
use rehearse_core::secret::without_named;
use rehearse_core::signature::Recogniser;
use rehearse_core::verdict::Exit;

use super::args::{DiagnoseArgs, Format};
use super::{chain, print, refuse, say};
use crate::load;
use crate::observers::{TextPart, read_texts};

/// Kinds of errors told where nothing known was recognised.
const KINDS: usize = 5;

pub(crate) fn diagnose(args: &DiagnoseArgs) -> Exit {
    let name = args.product.as_deref().unwrap_or_default();
    let product = match load::product(name, args.product_dir.as_deref()) {
        Ok(loaded) => loaded.product,
        Err(error) => return refuse(&error),
    };
    let recogniser = Recogniser::new(product.failures.list());
    if recogniser.is_empty() {
        say(&format!("error: {} names no known failures (`failures:` in product.yaml)", product.product));
        return Exit::BadInput;
    }
    let mut errors = match product.checks.logs.as_ref().map(|check| Errors::new(check, args.release.as_ref())) {
        None => None,
        Some(Ok(errors)) => Some(errors),
        Some(Err(error)) => {
            say(&format!("error: {}", chain(&*error)));
            return Exit::BadInput;
        }
    };
    let mut diagnosis = Diagnosis::new(&recogniser, args.release.clone());
    let (mut bytes, mut unreadable) = (0_u64, false);
    read_texts(&args.logs, |part| match part {
        TextPart::Begins(name) => {
            diagnosis.begin(name);
            errors.iter_mut().for_each(|errors| errors.begin(name, diagnosis.found_any()));
        }
        TextPart::Piece(piece) => {
            bytes += piece.len() as u64;
            diagnosis.take(piece);
            errors.iter_mut().for_each(|errors| errors.take(piece));
        }
        TextPart::Ends => {
            diagnosis.end();
            errors.iter_mut().for_each(Errors::end);
        }
        TextPart::Skipped { name, because } => say(&format!("skipped {name}: {because}")),
        TextPart::Unreadable { name, because } => {
            unreadable = true;
            say(&format!("error: cannot read {}: {because}", shown(name)));
        }
    });
    let found = diagnosis.finish();
    if bytes == 0 {
        if !unreadable {
            say("error: there is nothing in what was given");
        }
        return Exit::BadInput;
    }
    match args.format {
        Format::Json => print(&format!("{}\n", told::json(&tree(&found)))),
        Format::Text if !found.is_empty() => print(&told::text(&tree(&found), args.release.is_none())),
        Format::Text => {}
    }
    if found.is_empty() {
        let text = told::nothing(&product.product, args.release.as_ref(), errors.as_ref().map(|errors| &*errors.first));
        match args.format {
            Format::Text => print(&text),
            // What programs read is the empty list.
            Format::Json => say(text.trim_end()),
        }
    }
    exit(&found, unreadable)
}

fn exit(found: &[Found], unreadable: bool) -> Exit {
    match (unreadable, found.is_empty()) {
        (true, _) => Exit::BadInput,
        (false, true) => Exit::Passed,
        (false, false) => Exit::Failed,
    }
}

/// What standard input is called where people read.
fn shown(name: &str) -> &str {
    if name == "-" { "standard input" } else { name }
}

/// The first errors that the product does not allow, as its check of logs knows them.
struct Errors {
    check: LogCheck,
    release: Release,
    open: Option<LogSift>,
    first: Vec<FirstError>,
}

/// A kind of error.
struct FirstError {
    source: String,
    line: u64,
    count: u64,
    example: Vec<String>,
}

impl Errors {
    fn new(check: &LogCheck, release: Option<&Release>) -> Result<Self, Box<dyn std::error::Error>> {
        let mut check = check.clone();
        if release.is_none() {
            // What is harmless on some release may be meant.
            check.allow.iter_mut().for_each(|line| line.releases = None);
        }
        let release = release.cloned().map_or_else(|| "0".parse(), Ok)?;
        // That the patterns are good is seen before anything is read.
        LogSift::new(&check, &release, "")?;
        Ok(Self { check, release, open: None, first: Vec::new() })
    }

    /// A log begins; it is only looked through as long as nothing known was found.
    fn begin(&mut self, source: &str, known: bool) {
        let wanted = !known && self.first.len() < KINDS;
        self.open = wanted.then(|| LogSift::new(&self.check, &self.release, source).ok()).flatten();
    }

    fn take(&mut self, piece: &[u8]) {
        if let Some(sift) = &mut self.open {
            sift.take(piece);
        }
    }

    fn end(&mut self) {
        let Some(LogReview { source, kinds, .. }) = self.open.take().map(LogSift::finish) else { return };
        let room = KINDS.saturating_sub(self.first.len());
        self.first.extend(kinds.into_iter().take(room).map(|kind| FirstError {
            source: source.clone(),
            line: kind.line,
            count: kind.count,
            example: kind.example.iter().map(|line| without_named(line).into_owned()).collect(),
        }));
    }
}
