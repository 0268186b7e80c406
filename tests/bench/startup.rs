//! How much processor time the commands take that only read files, for every shipped product:
//! `cargo bench --bench startup`. Exits with 1 when a command takes more than 30 ms.

#[path = "../support/processor.rs"]
mod processor;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use rehearse::load;

use self::processor::on_cpu;

type Tried<T = ()> = Result<T, Box<dyn Error>>;

/// Milliseconds that a command may take.
const MOST: f64 = 30.0;
/// The kernel counts in hundredths of a second: so many runs are measured together, and the best of so many rounds is
/// taken, because other work on the machine only ever adds to it.
const RUNS: u32 = 20;
const ROUNDS: u32 = 3;

fn main() -> Tried<ExitCode> {
    let mut cases: Vec<(String, Vec<String>)> = vec![("list".to_owned(), vec!["list".to_owned()])];
    let mut seen: BTreeMap<String, usize> = load::products().into_iter().map(|product| (product, 0)).collect();
    for file in files("scenarios")? {
        let (scenario, _) = load::scenario(&file)?;
        let (product, file) = (scenario.product, file.display().to_string());
        let count = seen.get_mut(&product).ok_or_else(|| format!("{file}: product {product} is not shipped"))?;
        *count += 1;
        if *count == 1 {
            let ends = ["--from", &scenario.from.to_string(), "--to", &scenario.to.to_string()].map(str::to_owned);
            let words = ["path", "--product", &product].map(str::to_owned);
            cases.push((format!("path {product}"), words.into_iter().chain(ends).collect()));
        }
        cases.push((format!("plan {file}"), vec!["plan".to_owned(), file.clone()]));
        cases.push((format!("validate {file}"), vec!["validate".to_owned(), file]));
    }
    for product in seen.keys() {
        for file in files(&format!("harness/products/{product}"))? {
            let file = file.display().to_string();
            cases.push((format!("validate {file}"), vec!["validate".to_owned(), file]));
        }
    }
    if let Some((product, _)) = seen.iter().find(|(_, count)| **count == 0) {
        return Err(format!("no scenario is of product {product}: its path and plan cannot be measured").into());
    }
    let mut slow = 0;
    for (name, arguments) in &cases {
        let took = milliseconds(arguments)?;
        let remark = if took > MOST { "  TOO SLOW" } else { "" };
        slow += usize::from(took > MOST);
        show(&format!("{took:>6.1} ms  {name}{remark}"));
    }
    show(&format!("{} commands, {slow} of them take more than {MOST} ms of processor time", cases.len()));
    // A build without optimisation is not what anybody waits for.
    Ok(if slow > 0 && !cfg!(debug_assertions) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The YAML files of a folder, in order.
fn files(folder: &str) -> Tried<Vec<PathBuf>> {
    let entries: Result<Vec<_>, std::io::Error> = std::fs::read_dir(Path::new(folder))?.collect();
    let paths = entries?.into_iter().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|name| name == "yaml")).collect();
    files.sort();
    Ok(files)
}

/// Milliseconds of processor time that the binary takes.
fn milliseconds(arguments: &[String]) -> Tried<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let before = on_cpu()?;
        for _ in 0..RUNS {
            let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
            let status = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
            if !status.success() {
                return Err(format!("rehearse {} ended with {status}", arguments.join(" ")).into());
            }
        }
        best = best.min((on_cpu()? - before) * 1000.0 / f64::from(RUNS));
    }
    Ok(best)
}

#[expect(clippy::print_stdout, reason = "a bench is read by people")]
fn show(text: &str) {
    println!("{text}");
}
