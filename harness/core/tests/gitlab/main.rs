//! The product file of GitLab against what is known of its real releases: the official tool's answers, a second planner
//! that shares no code with ours, and what each image says of itself.

mod gates;
mod paths;
mod refusals;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use rehearse_core::model::product::Product;
use rehearse_core::planning::compatibility::{Compatibility, CompatibilityIn};
use rehearse_core::planning::path::{ConditionId, Facts};
use rehearse_core::source::span::Source;
use rehearse_core::source::spec::read;
use rehearse_core::vocabulary::catalog::Catalog;

type Tested = Result<(), Box<dyn Error>>;

/// The releases of the official tool's lists and of the tags, in order.
const VERSIONS: &str = include_str!("../../benches/data/gitlab-versions.json");
/// The stops of `config/upgrade_path.yml`.
const STOPS: &str = include_str!("../../benches/data/gitlab-stops.json");

fn gitlab() -> Result<(Product, Catalog), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../products/gitlab");
    let file = |name: &str| std::fs::read_to_string(folder.join(name)).map(|text| Source::new(name, text));
    let (mut product, document) = read::<Product>(file("product.yaml")?)?;
    document.refuse(product.problems(&document))?;
    if let CompatibilityIn::File(name) = &product.compatibility {
        let (compatibility, _) = read::<Compatibility>(file(name)?)?;
        product.compatibility = CompatibilityIn::Here(compatibility);
    }
    let catalog = Catalog::from_lines(file(&product.releases.catalog)?.text())?;
    Ok((product, catalog))
}

/// What is known of the data, by the lines of the conditional stops.
fn decided(lines: &[(&str, bool)]) -> Facts {
    Facts { decided: lines.iter().map(|(line, holds)| (ConditionId::new(*line), *holds)).collect::<BTreeMap<_, _>>() }
}

/// The conditional stops that the documents have and the official tool does not.
const BESIDE_THE_TOOL: [&str; 4] = ["15.1", "16.0", "16.1", "16.2"];

/// The data needs none of the stops that the official tool does not know.
fn as_the_tool() -> Facts {
    decided(&BESIDE_THE_TOOL.map(|line| (line, false)))
}
