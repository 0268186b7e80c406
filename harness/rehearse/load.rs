//! Reads products, scenarios and image recipes: built in, or from the disk.

mod error;
mod overrides;
mod previous;
mod purpose;
mod releases;

use std::io::Read;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use rehearse_core::knowledge::signature::{self, Failures, KnownFailure};
use rehearse_core::model::product::Product;
use rehearse_core::model::scenario::Scenario;
use rehearse_core::outcome::previous::PreviousRun;
use rehearse_core::planning::compatibility::{Compatibility, CompatibilityIn};
use rehearse_core::planning::path::StopList;
use rehearse_core::planning::plan::{Plan, PlanError};
use rehearse_core::runbook::Runbook;
use rehearse_core::source::diagnostic::{Problem, Rejected};
use rehearse_core::source::span::{Source, Span};
use rehearse_core::source::spec::{Document, read};
use rehearse_core::text::error_chain;
use rehearse_core::vocabulary::catalog::Catalog;

use crate::docker::{Recipe, RecipeCatalog, embedded, read_folder};

pub use error::LoadError;
pub use overrides::{CliOverrides, Required};
pub(crate) use overrides::{ends, key_value, typed};
pub use previous::previous_run;
pub use releases::releases;

static PRODUCTS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/harness/products");
static IMAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/images");

/// The largest file that is read, in bytes: a list of releases may be longer than a product file.
pub(crate) const MAX_FILE: u64 = 16 << 20;

/// A product with its releases.
#[derive(Debug, Clone)]
pub struct LoadedProduct {
    /// The product.
    pub product: Product,
    /// Its published releases.
    pub catalog: Catalog,
    /// What its operators have to know and do.
    pub runbook: Option<Runbook>,
}

/// A scenario ready to be rehearsed.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The product.
    pub product: Product,
    /// The scenario, with the changes of the command line.
    pub scenario: Scenario,
    /// The plan.
    pub plan: Plan,
    /// The backup's folder on the host.
    pub backup: PathBuf,
    /// The scenario's folder, which its access logs are relative to.
    pub folder: PathBuf,
    /// The installation method of production, if it cannot be rehearsed, and why.
    pub unreached: Option<(String, String)>,
    /// The run before, whose rules this one is held against.
    pub previous: Option<PreviousRun>,
}

/// The names of the built-in products.
pub fn products() -> Vec<String> {
    let folders = PRODUCTS.dirs().filter(|dir| dir.get_file(dir.path().join("product.yaml")).is_some());
    let mut names: Vec<String> = folders.map(|dir| dir.path().display().to_string()).collect();
    names.sort();
    names
}

pub(crate) fn text(path: &Path) -> Result<String, LoadError> {
    if path.is_dir() {
        return Err(LoadError::Folder { path: path.to_owned() });
    }
    let unreadable = |source| LoadError::Read { path: path.to_owned(), source };
    let facts = std::fs::metadata(path).map_err(unreadable)?;
    // Opening a pipe would wait for its writer, and a device has no end.
    if !facts.is_file() {
        return Err(LoadError::NoFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    if facts.len() <= MAX_FILE {
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    let size = facts.len().max(bytes.len() as u64);
    if size > MAX_FILE {
        return Err(LoadError::TooLarge { path: path.to_owned(), size });
    }
    String::from_utf8(bytes).map_err(|error| {
        let start = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let span = Span { start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
        let problem = Problem::new(span, "this is not UTF-8", "expected text in UTF-8");
        Rejected::new(Source::new(path.display().to_string(), text), problem, Vec::new()).into()
    })
}

/// Reads a product: a built-in one by name, or the one in `folder`.
///
/// # Errors
/// When there is no such product, or its files have mistakes.
pub fn product(name: &str, folder: Option<&Path>) -> Result<LoadedProduct, LoadError> {
    let given = folder.map(Path::to_owned).or_else(|| {
        let named = Path::new(name);
        named.join("product.yaml").is_file().then(|| named.to_owned())
    });
    let file = |file: &str| -> Result<Source, LoadError> {
        match &given {
            Some(folder) => {
                let path = folder.join(file);
                Ok(Source::new(path.display().to_string(), text(&path)?))
            }
            None => built_in(name, file),
        }
    };
    let (mut product, document) = read::<Product>(file("product.yaml")?)?;
    document.refuse(product.problems(&document))?;
    if let Failures::File(name) = &product.failures {
        product.failures = Failures::List(listed(file(name)?)?);
    }
    if let CompatibilityIn::File(name) = &product.compatibility {
        product.compatibility = CompatibilityIn::Here(compatible(file(name)?)?);
    }
    let catalog = releases::published(&product, &file(&product.releases.catalog)?)?;
    let runbook = product.runbook.as_ref().map(|name| operators(file(name)?)).transpose()?;
    Ok(LoadedProduct { product, catalog, runbook })
}

/// A file of a built-in product.
fn built_in(name: &str, file: &str) -> Result<Source, LoadError> {
    let path = Path::new(name).join(file);
    let found = PRODUCTS.get_file(&path).and_then(|file| file.contents_utf8());
    let missing = || LoadError::NoProduct { name: name.to_owned(), known: products().join(", ") };
    Ok(Source::new(format!("harness/products/{}", path.display()), found.ok_or_else(missing)?))
}

/// Reads a file of known failures.
///
/// # Errors
/// When it cannot be read or has mistakes.
pub fn failures(path: &Path) -> Result<Vec<KnownFailure>, LoadError> {
    listed(Source::new(path.display().to_string(), text(path)?))
}

/// Reads a runbook file.
///
/// # Errors
/// When it cannot be read or has mistakes.
pub fn runbook(path: &Path) -> Result<Runbook, LoadError> {
    operators(Source::new(path.display().to_string(), text(path)?))
}

fn operators(source: Source) -> Result<Runbook, LoadError> {
    let (runbook, document) = read::<Runbook>(source)?;
    document.refuse(runbook.problems(&document))?;
    Ok(runbook)
}

/// Reads a compatibility file, with what is known about hops.
///
/// # Errors
/// When it cannot be read or has mistakes.
pub fn compatibility(path: &Path) -> Result<Compatibility, LoadError> {
    compatible(Source::new(path.display().to_string(), text(path)?))
}

fn compatible(source: Source) -> Result<Compatibility, LoadError> {
    let (compatibility, document) = read::<Compatibility>(source)?;
    document.refuse(compatibility.problems(&document, ""))?;
    Ok(compatibility)
}

fn listed(source: Source) -> Result<Vec<KnownFailure>, LoadError> {
    let (failures, document) = read::<Vec<KnownFailure>>(source)?;
    document.refuse(signature::problems(&failures, &document, ""))?;
    Ok(failures)
}

/// Reads a scenario file, without its product.
///
/// # Errors
/// When it cannot be read or has mistakes.
pub fn scenario(path: &Path) -> Result<(Scenario, Document), LoadError> {
    Ok(read::<Scenario>(Source::new(path.display().to_string(), text(path)?))?)
}

/// The files of a rehearsal, read and validated: a scenario and its product. No plan is made of them yet.
pub struct RehearsalFiles {
    /// The scenario, as its file has it.
    pub scenario: Scenario,
    product: LoadedProduct,
    path: PathBuf,
    document: Document,
}

impl RehearsalFiles {
    /// Reads a scenario with its product: a built-in one, or that of the folder.
    ///
    /// # Errors
    /// When a file cannot be read or has mistakes.
    pub fn read(path: &Path, product_folder: Option<&Path>) -> Result<Self, LoadError> {
        let (scenario, document) = self::scenario(path)?;
        let product = self::product(&scenario.product, product_folder)?;
        let mut problems = scenario.problems(&product.product, &document);
        if let (Some(runbook), Some(production)) = (&product.runbook, &scenario.production) {
            problems.extend(runbook.wrong_answers(production, &document, "/production"));
            if runbook.variant(production).is_some_and(|variant| variant.zero_downtime) && !scenario.zero_downtime {
                let title = "an upgrade without downtime has a path of its own";
                let label = "add `zero-downtime: true` to the scenario";
                problems.push(document.problem("/production/answers/install-method", title, label, None));
            }
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        for (index, log) in scenario.access_logs.iter().enumerate() {
            let file = folder.join(&log.file);
            if !file.is_file() {
                let title = format!("there is no file {}", file.display());
                let label = "expected an access log, relative to the scenario file";
                problems.push(document.problem(&format!("/access-logs/{index}/file"), title, label, None));
            }
        }
        document.refuse(problems)?;
        Ok(Self { scenario, product, path: path.to_owned(), document })
    }

    /// Makes the plan, with what the command line replaces.
    ///
    /// # Errors
    /// When no plan can be made, or a list of stops cannot be read.
    pub fn plan(self, overrides: &CliOverrides) -> Result<Loaded, LoadError> {
        let Self { mut scenario, product: LoadedProduct { mut product, catalog, runbook }, path, document } = self;
        if let Some(list) = &overrides.stops {
            stops_of(&mut product, list)?;
        }
        overrides.apply(&mut scenario);
        if let Some(name) = scenario.settings.keys().find(|name| !product.settings.contains_key(*name)) {
            let known = product.settings.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(LoadError::NoSetting { name: name.clone(), product: product.product, known });
        }
        let plan = rehearse_core::planning::plan::build(&product, &catalog, &scenario);
        let plan = plan.map_err(|mistake| match overrides.cause_of(&mistake) {
            Some(argument) => LoadError::Argument {
                argument,
                reason: error_chain(&mistake),
                scenario: path.display().to_string(),
                help: overrides::help(&mistake, &product, &catalog),
            },
            None => plan_error(&path, &document, mistake, overrides),
        })?;
        // A path in the file is relative to the file; one on the command line, to the working directory.
        let typed = overrides.backup.is_some();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let backup = if typed { PathBuf::from(&scenario.backup) } else { folder.join(&scenario.backup) };
        let variant = runbook
            .as_ref()
            .zip(scenario.production.as_ref())
            .and_then(|(runbook, production)| runbook.variant(production));
        let unreached = variant.and_then(|variant| Some((variant.title.clone(), variant.not_rehearsed.clone()?)));
        Ok(Loaded { product, scenario, plan, backup, folder, unreached, previous: None })
    }
}

/// Replaces a product's stops with those of a list that others maintain.
///
/// # Errors
/// When the file is not such a list.
pub fn stops_of(product: &mut Product, list: &Path) -> Result<(), LoadError> {
    let wrong = |source| LoadError::Stops { path: list.to_owned(), source };
    let stops = StopList::read(&text(list)?).map_err(wrong)?;
    product.path = product.path.with_stops(&stops, &format!("the list of stops in {}", list.display()));
    Ok(())
}

/// The error for a plan that cannot be made, at the place in the file that causes it.
fn plan_error(path: &Path, document: &Document, source: PlanError, overrides: &CliOverrides) -> LoadError {
    let at = overrides::places(&source).first().copied().unwrap_or_default();
    // The hops and stages in the file may be right for the path in the file.
    let help = overrides.at(&["/from", "/to"]).map(|ends| format!("the path comes from {ends}"));
    let problem = document.problem(at, source.to_string(), "here", help);
    match document.refuse(vec![problem]) {
        Err(rejected) if document.contains(at) => rejected.into(),
        Ok(()) | Err(_) => LoadError::Plan { scenario: path.display().to_string(), source: Box::new(source) },
    }
}

/// Reads the image recipes: those of the folders, and the built-in ones. If several are for one image, the one in the
/// earlier folder wins, and any of them wins over a built-in one.
///
/// # Errors
/// When a recipe has mistakes, or a folder cannot be read.
pub fn recipes(folders: &[PathBuf]) -> Result<RecipeCatalog, LoadError> {
    let mut catalog = RecipeCatalog::default();
    for folder in folders {
        let unreadable = |source| LoadError::Read { path: folder.clone(), source };
        let mut dirs: Vec<PathBuf> =
            std::fs::read_dir(folder).map_err(unreadable)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        dirs.sort();
        let mut recipes = RecipeCatalog::default();
        for dir in dirs.iter().filter(|dir| dir.join("image.yaml").is_file()) {
            let files = read_folder(dir).map_err(|source| LoadError::Read { path: dir.clone(), source })?;
            recipes.add(recipe(&dir.display().to_string(), text(&dir.join("image.yaml"))?)?, files)?;
        }
        catalog.merge_defaults(recipes);
    }
    let mut recipes = RecipeCatalog::default();
    for dir in IMAGES.dirs() {
        if let Some(text) = dir.get_file(dir.path().join("image.yaml")).and_then(|file| file.contents_utf8()) {
            recipes.add(recipe(&format!("images/{}", dir.path().display()), text.to_owned())?, embedded(dir))?;
        }
    }
    catalog.merge_defaults(recipes);
    Ok(catalog)
}

fn recipe(folder: &str, text: String) -> Result<Recipe, LoadError> {
    let (recipe, _) = read::<Recipe>(Source::new(format!("{folder}/image.yaml"), text))?;
    Ok(recipe)
}
