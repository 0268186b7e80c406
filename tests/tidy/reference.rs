//! The reference's tables of keys are those of the types.
//!
//! A page says where a table stands: `<!-- keys: Service -->`, and `<!-- end of keys -->` behind it. The type is one of
//! `product.yaml`; those that only another format has are called `scenario/Rollback`. What stands between is made from the
//! schemas, which are made from the types. Every type with keys or variants has one table, so a new type needs a place.

mod types;

use std::collections::BTreeMap;

use self::types::{Kind, Types};
use crate::documents::anchor;
use crate::tree::Source;

/// Pages whose tables of keys are written by hand: no schema has the keys of an image recipe.
const BY_HAND: &[&str] = &["docs/reference/images.md"];

/// A table that a page has a place for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Table {
    /// The keys, variants or words of a type.
    Keys(String),
    /// The kinds of values that have a form of their own.
    Values,
}

impl Table {
    fn begun_by(line: &str) -> Option<Self> {
        let mark = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
        match mark.strip_prefix("keys:") {
            Some(name) => Some(Self::Keys(name.trim().to_owned())),
            None => (mark == "values").then_some(Self::Values),
        }
    }

    fn end(&self) -> &'static str {
        match self {
            Self::Keys(_) => "<!-- end of keys -->",
            Self::Values => "<!-- end of values -->",
        }
    }

    fn called(&self) -> String {
        match self {
            Self::Keys(name) => format!("<!-- keys: {name} -->"),
            Self::Values => "<!-- values -->".to_owned(),
        }
    }
}

/// A part of a page: what its author wrote, or a table between its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Written(String),
    Made { table: Table, text: String, page: String, anchor: String },
}

/// The parts of a page.
fn parts(page: &Source) -> Result<Vec<Part>, String> {
    let (mut parts, mut written, mut fenced) = (Vec::new(), String::new(), false);
    let (mut headings, mut anchor_here) = (BTreeMap::<String, usize>::new(), String::new());
    let mut lines = page.text.lines();
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        fenced ^= line.starts_with("```");
        if fenced {
            continue;
        }
        if let Some(heading) = line.strip_prefix('#') {
            let name = anchor(heading.trim_start_matches('#').trim());
            let again = headings.entry(name.clone()).or_default();
            anchor_here = if *again == 0 { name } else { format!("{name}-{again}") };
            *again += 1;
        }
        if let Some(table) = Table::begun_by(line) {
            let (mut text, end) = (String::new(), table.end());
            loop {
                match lines.next() {
                    Some(line) if line == end => break,
                    Some(line) if Table::begun_by(line).is_none() => text.extend([line, "\n"]),
                    _ => return Err(format!("{}: {} has no {end}", page.path, table.called())),
                }
            }
            parts.push(Part::Written(std::mem::take(&mut written)));
            written = format!("{end}\n");
            parts.push(Part::Made { table, text, page: page.path.clone(), anchor: anchor_here.clone() });
        }
    }
    parts.push(Part::Written(written));
    Ok(parts)
}

/// Tables of keys that an author wrote.
fn by_hand(path: &str, parts: &[Part]) -> Vec<String> {
    let written = parts.iter().filter_map(|part| match part {
        Part::Written(text) if !BY_HAND.contains(&path) => Some(text),
        Part::Written(_) | Part::Made { .. } => None,
    });
    let tables = written.flat_map(|text| text.lines()).filter(|line| line.starts_with("| key"));
    tables.map(|line| format!("{path}: `{line}` is written by hand: put <!-- keys: … --> in its place")).collect()
}

/// Where the table of a type stands: a page, and a heading of it.
type Places<'p> = BTreeMap<&'p str, (&'p str, &'p str)>;

/// The way from one page to another.
fn way(from: &str, to: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.split('/').collect(), to.split('/').collect());
    let folders = from.len().min(to.len()).saturating_sub(1);
    let shared = from.iter().zip(&to).take(folders).take_while(|(here, there)| here == there).count();
    let up = from.len().saturating_sub(shared + 1);
    [vec![".."; up], to.into_iter().skip(shared).collect()].concat().join("/")
}

fn link(places: &Places<'_>, from: &str, name: &str) -> Option<String> {
    let (page, anchor) = places.get(name)?;
    Some(if *page == from { format!("#{anchor}") } else { format!("{}#{anchor}", way(from, page)) })
}

/// What is wrong with where the tables stand, whatever is in them.
fn misplaced<'p>(types: &Types, parts: impl Iterator<Item = &'p Part>) -> (Places<'p>, Vec<String>) {
    let known: BTreeMap<&str, Kind> = types.all().collect();
    let (mut places, mut values, mut breaches) = (Places::new(), 0_usize, Vec::new());
    for part in parts {
        let Part::Made { table, page, anchor, .. } = part else { continue };
        let Table::Keys(name) = table else {
            values += 1;
            continue;
        };
        match known.get(name.as_str()) {
            None => breaches.push(format!("{page}: {}: there is no type of this name", table.called())),
            Some(Kind::Inline | Kind::Scalar) => {
                breaches.push(format!("{page}: {}: the type has no keys", table.called()));
            }
            Some(Kind::Keys | Kind::Union | Kind::Words) => {
                if let Some((first, _)) = places.insert(name, (page, anchor)) {
                    breaches.push(format!("{page}: {}: {first} has this table already", table.called()));
                }
            }
        }
    }
    let without =
        known.iter().filter(|(name, kind)| matches!(kind, Kind::Keys | Kind::Union) && !places.contains_key(*name));
    breaches.extend(without.map(|(name, _)| {
        format!("no page of the reference says what the keys of {name} are: give <!-- keys: {name} --> a place")
    }));
    if values != 1 {
        breaches
            .push(format!("the reference has {values} tables of the kinds of values: one page has <!-- values -->"));
    }
    (places, breaches)
}

/// The pages as the types have them, and what is wrong with where their tables stand.
fn made(schemas: &[(&str, serde_json::Value)], pages: &[Source]) -> (Vec<Source>, Vec<String>) {
    let (types, mut breaches) = Types::read(schemas);
    let mut read = Vec::new();
    for page in pages {
        match parts(page) {
            Ok(parts) => {
                breaches.extend(by_hand(&page.path, &parts));
                read.push((page.path.as_str(), parts));
            }
            Err(breach) => breaches.push(breach),
        }
    }
    let (places, more) = misplaced(&types, read.iter().flat_map(|(_, parts)| parts));
    breaches.extend(more);
    let anew = read.iter().map(|(path, parts)| {
        let written = parts.iter().map(|part| match part {
            Part::Written(text) => text.clone(),
            Part::Made { table, text, .. } => table_of(&types, table, &places, path).unwrap_or_else(|| text.clone()),
        });
        Source { path: (*path).to_owned(), text: written.collect() }
    });
    (anew.collect(), breaches)
}

/// A table as it stands between its marks; none of a type that there is not.
fn table_of(types: &Types, table: &Table, places: &Places<'_>, page: &str) -> Option<String> {
    let text = match table {
        Table::Keys(name) => types.table(name, |name| link(places, page, name))?,
        Table::Values => types.values(),
    };
    Some(format!("\n{text}\n"))
}

/// Tables that are not those of the types.
fn old(pages: &[Source], anew: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for (page, anew) in anew.iter().filter_map(|anew| Some((pages.iter().find(|page| page.path == anew.path)?, anew))) {
        let (Ok(is), Ok(should)) = (parts(page), parts(anew)) else { continue };
        for (_, should) in is.iter().zip(&should).filter(|(is, should)| is != should) {
            if let Part::Made { table, .. } = should {
                let table = table.called();
                breaches.push(format!("{}: the table of {table} is old: REHEARSE_BLESS=1 writes it anew", page.path));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use serde_json::{Value, json};

    use super::*;
    use crate::tree::{Tested, files, none, planted, root};

    fn schema(format: &str) -> Result<Value, Box<dyn std::error::Error>> {
        let printed = Command::new(env!("CARGO_BIN_EXE_rehearse")).args(["schema", format]).output()?;
        Ok(serde_json::from_slice(&printed.stdout)?)
    }

    #[test]
    fn the_tables_of_keys_are_those_of_the_types() -> Tested {
        let schemas =
            [("product", schema("product")?), ("scenario", schema("scenario")?), ("runbook", schema("runbook")?)];
        let pages = files("docs/reference", "md")?;
        let (anew, mut breaches) = made(&schemas, &pages);
        if std::env::var_os("REHEARSE_BLESS").is_some() {
            for page in anew.iter().filter(|page| !pages.contains(page)) {
                fs::write(root().join(&page.path), &page.text)?;
            }
        } else {
            breaches.extend(old(&pages, &anew));
        }
        none(&breaches)
    }

    /// A format with a type of each kind.
    fn product() -> Value {
        json!({
            "title": "Product",
            "description": "All of it.",
            "properties": {
                "id": { "type": "string", "description": "Its name,\nin a|b." },
                "steps": { "type": "array", "items": { "$ref": "#/$defs/HttpStep" }, "description": "Steps.", "default": [] },
                "tries": { "type": "integer", "minimum": 2, "default": 3, "description": "How often." },
                "mode": { "$ref": "#/$defs/Mode", "default": "fast", "description": "How." },
                "by": { "type": "object", "propertyNames": { "$ref": "#/$defs/Day" }, "additionalProperties": { "$ref": "#/$defs/In" } },
                "on": { "anyOf": [{ "$ref": "#/$defs/Day" }, { "type": "null" }], "default": null, "description": "When." },
            },
            "required": ["id"],
            "$defs": {
                "HttpStep": { "oneOf": [
                    { "properties": { "get": { "type": ["string", "null"] } }, "description": "Gets." },
                    { "const": "wait", "description": "Waits." },
                ] },
                "Mode": { "oneOf": [{ "const": "fast", "description": "Soon." }, { "const": "slow", "description": "Late." }] },
                "Day": { "type": "string", "description": "a day" },
                "In": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/HttpStep" }] },
            },
        })
    }

    fn scenario() -> Value {
        json!({
            "title": "Scenario",
            "properties": { "on": { "$ref": "#/$defs/Day", "description": "When." } },
            "$defs": { "Day": { "type": "string", "description": "a day" } },
        })
    }

    const PAGE: &str = "# A page\n\n<!-- keys: Product -->\n\n\
        | key | value | meaning |\n|---|---|---|\n\
        | `id` | text, required | Its name, in a\\|b. |\n\
        | `steps` | list of [HTTP steps](b/steps.md#two-words) | Steps. |\n\
        | `tries` | whole number, at least 2; default 3 | How often. |\n\
        | `mode` | `fast` or `slow`; default `fast` | How. `fast`: Soon. `slow`: Late. |\n\
        | `by` | map of day → text or [HTTP step](b/steps.md#two-words) |  |\n\
        | `on` | day | When. |\n\n\
        <!-- end of keys -->\n\n```\n<!-- keys: Shown -->\n```\n\n\
        <!-- values -->\n\n| value | meaning |\n|---|---|\n| day | A day. |\n\n<!-- end of values -->\n";

    const STEPS: &str = "# Steps\n## Two `words`\n<!-- keys: HttpStep -->\n\n\
        | one of | value | meaning |\n|---|---|---|\n| `get` | text | Gets. |\n| `wait` | the word alone | Waits. |\n\n\
        <!-- end of keys -->\n\
        # Scenarios\n<!-- keys: scenario/Scenario -->\n\n\
        | key | value | meaning |\n|---|---|---|\n| `on` | day | When. |\n\n<!-- end of keys -->\n";

    /// What is said of a page, beside one of steps.
    fn check(page: &str, steps: &str, expected: &[&str]) {
        let pages = [planted("docs/a.md", page), planted("docs/b/steps.md", steps)];
        let (anew, mut breaches) = made(&[("product", product()), ("scenario", scenario())], &pages);
        breaches.extend(old(&pages, &anew));
        assert_eq!(breaches, expected);
    }

    #[test]
    fn tables_that_are_those_of_the_types_are_fine() {
        check(PAGE, STEPS, &[]);
    }

    #[test]
    fn a_planted_old_table_is_found_and_made_anew() {
        let old_page = PAGE.replace("How often.", "How rarely.");
        check(
            &old_page,
            STEPS,
            &["docs/a.md: the table of <!-- keys: Product --> is old: REHEARSE_BLESS=1 writes it anew"],
        );
        check(
            &PAGE.replace("A day.", "A night."),
            STEPS,
            &["docs/a.md: the table of <!-- values --> is old: REHEARSE_BLESS=1 writes it anew"],
        );
        let pages = [planted("docs/a.md", &old_page), planted("docs/b/steps.md", STEPS)];
        let (anew, _) = made(&[("product", product()), ("scenario", scenario())], &pages);
        assert_eq!(anew, [planted("docs/a.md", PAGE), planted("docs/b/steps.md", STEPS)]);
    }

    #[test]
    fn a_planted_table_that_is_written_by_hand_is_found() {
        let table = "| key of a step | meaning |\n|---|---|\n| `get` | gets |\n";
        let found =
            "docs/b/steps.md: `| key of a step | meaning |` is written by hand: put <!-- keys: … --> in its place";
        check(PAGE, &format!("{STEPS}{table}"), &[found]);
        let recipes = [Part::Written(table.to_owned())];
        assert_eq!((by_hand("docs/reference/images.md", &recipes), by_hand("a.md", &recipes).len()), (vec![], 1));
    }

    #[test]
    fn a_table_of_words_takes_their_meanings_from_the_keys() {
        let words = "<!-- keys: Mode -->\n\n| one of | meaning |\n|---|---|\n| `fast` | Soon. |\n| `slow` | Late. |\n\n\
            <!-- end of keys -->\n";
        let page = PAGE
            .replace("`fast` or `slow`;", "[mode](b/steps.md#scenarios);")
            .replace(" `fast`: Soon. `slow`: Late.", "");
        check(&page, &format!("{STEPS}{words}"), &[]);
    }

    #[test]
    fn a_type_without_a_table_and_a_table_without_a_type_are_found() {
        let lacks = "no page of the reference says what the keys of scenario/Scenario are: \
            give <!-- keys: scenario/Scenario --> a place";
        let unknown = "docs/b/steps.md: <!-- keys: scenario/Scene -->: there is no type of this name";
        check(PAGE, &STEPS.replace("scenario/Scenario", "scenario/Scene"), &[unknown, lacks]);
        let scalar = "docs/b/steps.md: <!-- keys: Day -->: the type has no keys";
        check(PAGE, &STEPS.replace("scenario/Scenario", "Day"), &[scalar, lacks]);
        let none_of_values = "the reference has 0 tables of the kinds of values: one page has <!-- values -->";
        check(PAGE.split("<!-- values").next().unwrap_or_default(), STEPS, &[none_of_values]);
    }

    #[test]
    fn a_table_that_stands_twice_or_does_not_end_is_found() {
        let twice = format!("{STEPS}{}", STEPS.split("# Scenarios\n").last().unwrap_or_default());
        let again = "docs/b/steps.md: <!-- keys: scenario/Scenario -->: docs/b/steps.md has this table already";
        check(PAGE, &twice, &[again]);
        let (types, _) = Types::read(&[("product", product())]);
        let open = parts(&planted("a.md", "<!-- keys: Mode -->\n| x |\n<!-- values -->\n"));
        assert_eq!(open, Err("a.md: <!-- keys: Mode --> has no <!-- end of keys -->".to_owned()));
        assert_eq!(types.all().filter(|(_, kind)| *kind == Kind::Words).count(), 1);
    }

    #[test]
    fn types_of_one_name_are_one_type() {
        let mut other = scenario();
        other["$defs"]["Day"]["description"] = json!("a night");
        let (_, breaches) = Types::read(&[("product", product()), ("scenario", other)]);
        assert_eq!(breaches, ["scenario has another type Day than the formats before it: rename one"]);
    }
}
