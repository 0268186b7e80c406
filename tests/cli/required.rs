//! A check that is required and can assert nothing is refused before anything starts.

use std::path::Path;

use super::{Tried, check};

const SCENARIO: &str = "scenarios/redmine-5.0-to-6.1.yaml";

/// The folder of Redmine's product with texts replaced.
fn changed(changes: &[(&str, &str)]) -> Result<tempfile::TempDir, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/products/redmine"))? {
        let path = entry?.path();
        std::fs::copy(&path, folder.path().join(path.file_name().ok_or("a name")?))?;
    }
    let file = folder.path().join("product.yaml");
    let mut text = std::fs::read_to_string(&file)?;
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(file, text)?;
    Ok(folder)
}

#[test]
fn a_required_check_that_can_assert_nothing_is_bad_input() -> Tried {
    let old = |name: &str| format!("{name}      releases: \"<6.0\"\n");
    let names = ["    - name: the code in the service\n", "    - name: the product's own word to an administrator\n"];
    let (first, second) = (old(names[0]), old(names[1]));
    let partly = changed(&[(names[0], &first)])?;
    let partly = partly.path().display().to_string();
    check(&["plan", "--product-dir", &partly, "--require", "version", SCENARIO], 0, &["teardown"], &[])?;
    let never = changed(&[(names[0], &first), (names[1], &second)])?;
    let never = never.path().display().to_string();
    let why = ["error: --require version: the check version is required, and none of its probes asks anything on 6.0"];
    check(&["plan", "--product-dir", &never, "--require", "version", SCENARIO], 2, &[], &why)?;
    check(&["plan", "--product-dir", &never, SCENARIO], 0, &["teardown"], &[])?;
    let to_requests = "    requests:\n      - { service: web, port: 3000, path: /issues.json?limit=25, as: admin }\n      \
                       - { service: web, port: 3000, path: /projects.json, as: admin }\n      \
                       - { service: web, port: 3000, path: \"/search.json?q=change\", as: admin }\n";
    let off = ["ready", "memory", "database-size", "files-size"]
        .map(|budget| format!("    {budget}: {{ off: it varies }}\n"));
    let silent = changed(&[(to_requests, &off.concat())])?;
    let silent = silent.path().display().to_string();
    let why = ["the check performance is required, and no request is timed and no budget is judged"];
    check(&["plan", "--product-dir", &silent, "--require", "performance", SCENARIO], 2, &[], &why)?;
    let one = changed(&[(to_requests, &off[1..].concat())])?;
    let one = one.path().display().to_string();
    check(&["plan", "--product-dir", &one, "--require", "performance", SCENARIO], 0, &["teardown"], &[])
}
