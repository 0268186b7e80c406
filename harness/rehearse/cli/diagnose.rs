//! `rehearse diagnose`: known failures in any log, without a rehearsal.

mod render;

use rehearse_core::knowledge::diagnosis::{Diagnosis, Found, Unexplained, WideNet, tree};
use rehearse_core::knowledge::signature::Recogniser;
use rehearse_core::model::product::Product;
use rehearse_core::outcome::verdict::Exit;

use self::render::Rest;
use super::args::{DiagnoseArgs, Format};
use super::{error_chain, print, refuse, say};
use crate::load;
use crate::observers::{TextPart, read_texts};

/// How many kinds of errors without a known cause are shown.
const KINDS: usize = 5;

pub(crate) fn diagnose(args: &DiagnoseArgs) -> Exit {
    let name = args.product.as_deref().unwrap_or_default();
    let product = match load::product(name, args.product_dir.as_deref()) {
        Ok(loaded) => loaded.product,
        Err(error) => return refuse(&error),
    };
    let recogniser = Recogniser::reading(product.failures.list(), &product.log_lines);
    if recogniser.is_empty() {
        say(&format!("error: {} names no known failures (`failures:` in product.yaml)", product.product));
        return Exit::BadInput;
    }
    let (mut errors, mut wide) = match nets(args, &product) {
        Ok(nets) => nets,
        Err(error) => {
            say(&format!("error: {}", error_chain(&*error)));
            return Exit::BadInput;
        }
    };
    let mut diagnosis = Diagnosis::new(&recogniser, args.release.clone());
    let (mut bytes, mut unreadable) = (0_u64, false);
    read_texts(&args.logs, |part| match part {
        TextPart::Begins(name) => {
            diagnosis.begin(name);
            errors.iter_mut().for_each(|errors| errors.begin(name));
            wide.begin(name);
        }
        TextPart::Piece(piece) => {
            bytes += piece.len() as u64;
            diagnosis.take(piece);
            let explained = diagnosis.explained();
            errors.iter_mut().for_each(|errors| errors.take(piece, &explained));
            // Only used if nothing else was found.
            let found = diagnosis.found_any() || errors.as_ref().is_some_and(|errors| !errors.first().is_empty());
            wide.take(piece, !found);
        }
        TextPart::Ends => {
            diagnosis.end();
            let explained = diagnosis.explained();
            errors.iter_mut().for_each(|errors| errors.end(&explained));
            wide.end();
        }
        TextPart::Skipped { name, because } => say(&format!("skipped {name}: {because}")),
        TextPart::Unreadable { name, because } => {
            unreadable = true;
            say(&format!("error: cannot read {}: {because}", display_name(name)));
        }
    });
    let (harmless, failures): (Vec<Found>, Vec<Found>) =
        diagnosis.finish().into_iter().partition(|found| found.harmless);
    if bytes == 0 {
        if !unreadable {
            say("error: the input is empty");
        }
        return Exit::BadInput;
    }
    let (known, beside) = (tree(&failures), tree(&harmless));
    let rest = Rest {
        product: &product.product,
        release: args.release.as_ref(),
        errors: errors.as_ref().map(Unexplained::first),
        wide: &wide.finish(),
    };
    match args.format {
        Format::Text => print(&render::text(&known, &beside, &rest)),
        // Programs read only the list.
        Format::Json => {
            print(&format!("{}\n", render::json(&[known.clone(), beside].concat())));
            let rest = rest.text(!known.is_empty());
            if !rest.is_empty() {
                say(rest.trim());
            }
        }
    }
    exit(&failures, unreadable)
}

/// What finds errors without a known cause: by the product's log check, and by words that mean an error anywhere.
fn nets(args: &DiagnoseArgs, product: &Product) -> Result<(Option<Unexplained>, WideNet), Box<dyn std::error::Error>> {
    let (check, json) = (product.checks.logs.as_ref(), &product.log_lines.json);
    let errors = check.map(|check| Unexplained::new(check, json, args.release.as_ref(), KINDS)).transpose()?;
    Ok((errors, WideNet::new(check, json, product.failures.list(), KINDS)?))
}

fn exit(failures: &[Found], unreadable: bool) -> Exit {
    match (unreadable, failures.is_empty()) {
        (true, _) => Exit::BadInput,
        (false, true) => Exit::Passed,
        (false, false) => Exit::Failed,
    }
}

/// The name of an input for people.
fn display_name(name: &str) -> &str {
    if name == "-" { "standard input" } else { name }
}
