//! `rehearse backup inspect`.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rehearse_core::model::product::Product;
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::vocabulary::catalog::Catalog;
use tokio::signal::unix::{SignalKind, signal};

use super::args::{Format, InspectArgs};
use super::{error_chain, print, refuse, runtime, say};
use crate::backup::{Inspection, Missing, PartSummary, Watch, inspect as read};
use crate::load::{self, LoadError};

/// How often a line shows the progress if there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// How often the progress bar is updated.
const BAR_INTERVAL: Duration = Duration::from_millis(200);

pub(crate) fn inspect(args: &InspectArgs) -> Exit {
    let products = match products(args) {
        Ok(products) => products,
        Err(error) => return refuse(&error),
    };
    let Some(runtime) = runtime() else { return Exit::Inconclusive };
    let read = runtime.block_on(inspect_cancellable(products.clone(), &args.backup));
    // A thread that is still reading must not delay the exit.
    runtime.shutdown_background();
    let inspection = match read {
        None => {
            say("cancelled");
            return Exit::Cancelled;
        }
        Some(Err(error)) => {
            say(&format!("error: cannot read {}: {}", args.backup.display(), error_chain(&error)));
            return Exit::BadInput;
        }
        Some(Ok(inspection)) => inspection,
    };
    match args.format {
        Format::Json => match serde_json::to_string_pretty(&inspection) {
            Ok(text) => print(&format!("{text}\n")),
            Err(error) => {
                say(&format!("error: {}", error_chain(&error)));
                return Exit::Inconclusive;
            }
        },
        Format::Text => {
            let product = products
                .iter()
                .map(|(product, _)| product)
                .find(|product| Some(&product.product) == inspection.product.as_ref());
            let given = args.product_dir.as_ref().map(|folder| folder.display().to_string()).or(args.product.clone());
            print(&render(&inspection, &args.backup, product, given.as_deref()));
            for problem in &inspection.problems {
                say(&format!("error: {problem}"));
            }
        }
    }
    if inspection.problems.is_empty() { Exit::Passed } else { Exit::BadInput }
}

/// The product that was given, or all built-in ones.
fn products(args: &InspectArgs) -> Result<Vec<(Product, Catalog)>, LoadError> {
    let loaded = match (&args.product, &args.product_dir) {
        (Some(name), _) => vec![load::product(name, None)?],
        (None, Some(folder)) => vec![load::product("", Some(folder))?],
        (None, None) => load::products().iter().map(|name| load::product(name, None)).collect::<Result<_, _>>()?,
    };
    Ok(loaded.into_iter().map(|loaded| (loaded.product, loaded.catalog)).collect())
}

/// Reads in a thread of its own and shows the progress; `None` if it is cancelled.
async fn inspect_cancellable(products: Vec<(Product, Catalog)>, backup: &Path) -> Option<std::io::Result<Inspection>> {
    let size = std::fs::metadata(backup).map_or(0, |facts| if facts.is_file() { facts.len() } else { 0 });
    let watch = Arc::new(Watch::default());
    let (path, reading_watch) = (backup.to_owned(), Arc::clone(&watch));
    let mut reading = tokio::task::spawn_blocking(move || read(&products, &path, &reading_watch));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return reading.await.ok();
    };
    let display = ProgressDisplay::new(size);
    let mut tick = tokio::time::interval(display.interval());
    tick.tick().await;
    let read = loop {
        tokio::select! {
            read = &mut reading => break Some(read.unwrap_or_else(|error| Err(std::io::Error::other(error)))),
            _ = interrupt.recv() => break None,
            _ = terminate.recv() => break None,
            _ = hang_up.recv() => break None,
            _ = tick.tick() => display.update(watch.read(), size),
        }
    };
    display.clear();
    watch.give_up();
    read
}

/// Shows progress: a bar on a terminal, lines elsewhere.
enum ProgressDisplay {
    Bar(ProgressBar),
    Lines,
}

impl ProgressDisplay {
    fn new(size: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = if size > 0 { ProgressBar::new(size) } else { ProgressBar::no_length() };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        let style = if size > 0 {
            "{bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left"
        } else {
            "{binary_bytes} read, {binary_bytes_per_sec}"
        };
        Self::Bar(ProgressStyle::with_template(style).map(|style| bar.clone().with_style(style)).unwrap_or(bar))
    }

    fn interval(&self) -> Duration {
        match self {
            Self::Bar(_) => BAR_INTERVAL,
            Self::Lines => LINE_INTERVAL,
        }
    }

    fn update(&self, read: u64, size: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(read),
            Self::Lines if size > 0 => {
                let part = u128::from(read) * 100 / u128::from(size);
                say(&format!("{} of {} read ({part}%)", amount(read), amount(size)));
            }
            Self::Lines => say(&format!("{} read", amount(read))),
        }
    }

    fn clear(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines => {}
        }
    }
}

/// An amount of bytes for people.
fn amount(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS.get(unit).copied().unwrap_or_default())
}

/// The text for people.
fn render(inspection: &Inspection, backup: &Path, product: Option<&Product>, given: Option<&str>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<13} {value}\n"));
    line("backup", format!("{} ({})", backup.display(), inspection.kind));
    let title = product.map(|product| product.title.as_deref().unwrap_or(&product.product));
    line("product", title.unwrap_or("not recognised").to_owned());
    if title.is_none() {
        return text;
    }
    let edition = inspection.edition.as_ref().map(|edition| format!(" ({edition})")).unwrap_or_default();
    line(
        "release",
        inspection.release.as_ref().map_or("not stated".to_owned(), |release| format!("{release}{edition}")),
    );
    for (name, value) in
        [("made", &inspection.created), ("installed as", &inspection.installation), ("restored by", &inspection.image)]
    {
        if let Some(value) = value {
            line(name, value.clone());
        }
    }
    for (name, value) in &inspection.facts {
        line(name, value.clone());
    }
    if !inspection.parts.is_empty() {
        text.push_str(&table(&inspection.parts));
    }
    if !inspection.skipped.is_empty() {
        text.push_str(&format!("\nleft out on purpose, according to the backup: {}\n", inspection.skipped.join(", ")));
    }
    if !inspection.lacks.is_empty() {
        text.push_str("\nmissing\n");
    }
    // The most important first.
    let (vital, others): (Vec<&Missing>, Vec<&Missing>) = inspection.lacks.iter().partition(|missing| missing.vital);
    for Missing { name, file, without, beside, .. } in vital.into_iter().chain(others) {
        let place = if *beside { format!("{file} beside the archive") } else { file.clone() };
        let place = if place == *name { String::new() } else { format!(" ({place})") };
        let why = without.as_ref().map(|without| format!(": {without}")).unwrap_or_default();
        text.push_str(&format!("  {name}{place}{why}\n"));
    }
    text.push_str(&format!("\n{}\n", verdict(inspection)));
    text.push_str(&next_steps(inspection, backup, given));
    text
}

fn table(parts: &[PartSummary]) -> String {
    let mut rows = vec![["part", "size", "expands to", "files", ""].map(str::to_owned)];
    for part in parts {
        let mut more: Vec<String> = part.counts.iter().map(|(what, count)| format!("{what}: {count}")).collect();
        more.extend(part.verified.map(|verified| format!("verified: {verified}")));
        match (&part.content, &part.dump) {
            (Some(content), _) => more.push(content.clone()),
            (None, Some(dump)) => more.extend(dump.versions()),
            (None, None) => {}
        }
        if part.beside {
            more.push("beside the archive".to_owned());
        }
        let expanded = part.expanded.map_or_else(String::new, amount);
        rows.push([part.name.clone(), amount(part.bytes), expanded, part.files.to_string(), more.join(", ")]);
    }
    let wide = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let [name, size, expanded, files] = [0, 1, 2, 3].map(|column| wide(column).unwrap_or_default());
    let mut text = String::from("\n");
    for [a, b, c, d, e] in &rows {
        let row = format!("  {a:<name$}  {b:>size$}  {c:>expanded$}  {d:>files$}  {e}");
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn verdict(inspection: &Inspection) -> String {
    let many = |count: usize| if count == 1 { "1 part is".to_owned() } else { format!("{count} parts are") };
    let vital = names(inspection.lacks.iter().filter(|missing| missing.vital));
    if inspection.damaged {
        "do not use it: it is damaged, or must not be unpacked".to_owned()
    } else if !vital.is_empty() {
        format!("nothing can be restored from it: it lacks {vital}")
    } else if let count @ 1.. = inspection.problems.len() {
        format!("not usable as it is: {count} problem{}", if count == 1 { "" } else { "s" })
    } else if inspection.complete {
        "complete: it has every part of a backup of this release, undamaged".to_owned()
    } else if inspection.missing.is_empty() {
        "undamaged, but not complete: parts were left out on purpose".to_owned()
    } else {
        format!("undamaged, but not complete: {} missing", many(inspection.missing.len()))
    }
}

/// Their names, separated by commas.
fn names<'m>(missing: impl Iterator<Item = &'m Missing>) -> String {
    missing.map(|missing| missing.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What to do, the most important first; to rehearse it only if that is possible. `given` is the product as it was typed:
/// a name, or the folder of a product that is not built in.
fn next_steps(inspection: &Inspection, backup: &Path, given: Option<&str>) -> String {
    let mut steps = Vec::new();
    if inspection.damaged {
        steps.push("make the backup again, or copy it again and compare the checksums of both copies".to_owned());
    }
    let mut lost = false;
    // Missing parts may have been cut off, and files beside a damaged archive are of no use.
    if !inspection.damaged {
        let inside = |missing: &&Missing| missing.needed && !missing.beside;
        let vital = inspection.lacks.iter().find(|missing| missing.vital);
        if let Some(worst) = vital.or_else(|| inspection.lacks.iter().find(inside)) {
            lost = true;
            let how = worst.remedy.as_ref().map(|remedy| format!(": {remedy}")).unwrap_or_default();
            let all = names(inspection.lacks.iter().filter(inside));
            steps.push(format!("make a new backup that contains {all}{how}; this one cannot be rehearsed"));
        }
    }
    steps.extend(inspection.steps.iter().cloned());
    if !inspection.damaged {
        let beside = inspection.lacks.iter().filter(|missing| missing.needed && missing.beside);
        steps.extend(beside.map(|missing| format!("put {} into the folder of the archive", missing.file)));
    }
    if let (Some(product), Some(release), true, false) =
        (&inspection.product, &inspection.release, inspection.problems.is_empty(), lost)
    {
        let product = given.unwrap_or(product);
        let edition = inspection.edition.as_ref().map(|edition| format!(" --edition {edition}")).unwrap_or_default();
        let of = inspection.edition.as_ref().map(|edition| format!(", edition: {edition}")).unwrap_or_default();
        steps.push(format!(
            "rehearse path --product {product} --from {release}{edition} --to RELEASE\n      and a scenario with  from: \
             {release}{of}, backup: {}",
            backup.display()
        ));
    }
    let words = std::iter::once("next:").chain(std::iter::repeat("then:"));
    words.zip(steps).map(|(word, step)| format!("{word} {step}\n")).collect()
}
