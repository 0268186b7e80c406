//! `rehearse path`: a path with what operators should know about it, or the list of all stops.

use std::collections::BTreeMap;

use rehearse_core::model::product::Product;
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::planning::compatibility::HopNotice;
use rehearse_core::planning::path::{ConditionId, StopList, Target};
use rehearse_core::planning::plan::{self, ListOrigin, PathRequest, PlanError, PlannedPath, path_json, refusal_json};
use rehearse_core::vocabulary::release::{Line, Release};
use serde_json::json;

use super::args::{PathArgs, PathFormat};
use super::{print, refuse, say};
use crate::load::{self, LoadError, LoadedProduct};

pub(crate) fn path(args: &PathArgs) -> Exit {
    let loaded = match loaded(args) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(&error),
    };
    if let Some(mistake) = contradiction(args) {
        say(&format!("error: {mistake}"));
        return Exit::BadInput;
    }
    let decided: BTreeMap<ConditionId, bool> =
        args.decided.iter().map(|(line, needed)| (ConditionId::new(line.to_string()), *needed)).collect();
    let mut settings = loaded.product.settings.clone();
    settings.extend(args.settings.iter().cloned());
    let (Some(from), Some(to)) = (&args.from, &args.to) else {
        return match plan::stop_list(&loaded.product, &loaded.catalog, &settings, &decided) {
            Ok(list) => print_list(args, &list, &plan::origins(&loaded.product, &loaded.catalog)),
            Err(error) => print_refusal(args, &error),
        };
    };
    let planned = plan::source(&loaded.catalog, from).and_then(|from| {
        let request = PathRequest {
            from: &from,
            to,
            edition: args.edition.as_ref(),
            via: &[],
            zero_downtime: args.zero_downtime,
            settings: settings.clone(),
            decided: &decided,
        };
        plan::plan_path(&loaded.product, &loaded.catalog, &request)
    });
    match planned {
        Ok(planned) => print_path(args, &loaded.product, &settings, &planned, to),
        Err(error) => print_refusal(args, &error),
    }
}

/// The error for arguments that contradict each other.
fn contradiction(args: &PathArgs) -> Option<String> {
    let (from, edition) = (args.from.as_ref(), args.edition.as_ref());
    if args.list {
        let of_a_path = [
            from.map(|from| format!("--from {from}")),
            args.to.as_ref().map(|to| format!("--to {to}")),
            args.zero_downtime.then(|| "--zero-downtime".to_owned()),
        ];
        let path_arguments: Vec<String> = of_a_path.into_iter().flatten().collect();
        if !path_arguments.is_empty() {
            return Some(format!(
                "--list and {} exclude each other: all stops are `rehearse path --product {product} --list`, those of a \
                 path are `rehearse path --product {product} --from … --to …`",
                path_arguments.join(" "),
                product = args.product
            ));
        }
    }
    if let (Some(Target::Release(from)), Some(edition)) = (from, edition)
        && from.edition().is_some_and(|other_value| other_value != edition)
        && matches!(&args.to, Some(Target::Line(_)) | None)
    {
        return Some(format!(
            "--edition {edition} and --from {from}: a change of edition is a target such as 1.2.3-{edition}"
        ));
    }
    let twice = args.decided.iter().enumerate().find_map(|(nth, (line, needed))| {
        let before = args.decided.get(..nth)?.iter().any(|(other, other_value)| other == line && other_value != needed);
        before.then_some(line)
    });
    twice.map(|line| format!("--decide {line} is given both as yes and as no"))
}

fn loaded(args: &PathArgs) -> Result<LoadedProduct, LoadError> {
    let mut loaded = load::product(&args.product, None)?;
    let product = &loaded.product;
    if let Some((name, _)) = args.settings.iter().find(|(name, _)| !product.settings.contains_key(name)) {
        let known = product.settings.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(LoadError::NoSetting { name: name.clone(), product: product.product.clone(), known });
    }
    let conditional: Vec<Line> =
        product.path.stops.iter().filter(|stop| stop.condition().is_some()).map(|stop| stop.at).collect();
    if let Some((line, _)) = args.decided.iter().find(|(line, _)| !conditional.contains(line)) {
        let known = conditional.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(LoadError::NoCondition { line: *line, product: product.product.clone(), known });
    }
    if let Some(list) = &args.stops {
        load::stops_of(&mut loaded.product, list)?;
    }
    Ok(loaded)
}

fn print_path(
    args: &PathArgs,
    product: &Product,
    settings: &BTreeMap<String, String>,
    planned: &PlannedPath,
    request: &Target,
) -> Exit {
    let path = &planned.path;
    match args.format {
        PathFormat::Json => {
            let edition = args.edition.as_ref().or(path.to.edition());
            print(&format!("{}\n", path_json(&product.product, edition, path, &planned.notices, &planned.lists)));
        }
        PathFormat::PathJson => return print_list(args, &StopList::of_path(path), &planned.lists),
        PathFormat::Text => print(&text(product, settings, planned, request)),
    }
    Exit::Passed
}

fn text(product: &Product, settings: &BTreeMap<String, String>, planned: &PlannedPath, request: &Target) -> String {
    let path = &planned.path;
    let mut text = String::new();
    let notices: Vec<&[HopNotice]> = planned.notices.iter().map(Vec::as_slice).collect();
    for ((hop, notices), number) in path.hops.iter().zip(plan::render_notices(&notices)).zip(1..) {
        let optional = if hop.optional.is_some() { "  (not decided yet)" } else { "" };
        text.push_str(&format!("hop {number}  {} → {}  {}{optional}\n{notices}", hop.from, hop.to, hop.because));
    }
    for condition in path.hops.iter().filter_map(|hop| hop.optional.as_ref()) {
        text.push_str(&undecided(product, settings, condition));
    }
    for dropped in &path.dropped {
        text.push_str(&format!("left out: {} has no published release ({})\n", dropped.at, dropped.because));
    }
    for stop in &path.needless {
        text.push_str(&format!("not needed: {} ({})\n", stop.at, stop.because));
    }
    let hops = path.hops.len();
    text.push_str(&format!("{hops} {} to {request}\n", if hops == 1 { "hop" } else { "hops" }));
    text.push_str(&origins(&planned.lists));
    text
}

/// How to decide on a conditional stop.
fn undecided(product: &Product, settings: &BTreeMap<String, String>, condition: &ConditionId) -> String {
    let stop = product.path.stops.iter().find(|stop| stop.condition().as_ref() == Some(condition));
    let setting = stop.and_then(|stop| stop.when_setting.as_ref());
    let by = match (setting, product.path.condition(condition)) {
        (Some(setting), _) => {
            format!("--set {name}=N, needed where it is above {}, or ", setting.above, name = setting.name)
        }
        (None, Some(when)) => {
            let names = json!({ "settings": settings });
            let sql = when.sql.render(&names).unwrap_or_else(|_| when.sql.text().to_owned());
            let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("ask production's database {}: {sql}; then ", when.database)
        }
        (None, None) => String::new(),
    };
    format!("to decide: {condition} ({by}--decide {condition}=yes or --decide {condition}=no)\n")
}

fn origins(lists: &[ListOrigin]) -> String {
    lists.iter().map(|list| format!("{list}\n")).collect()
}

fn print_list(args: &PathArgs, list: &StopList, lists: &[ListOrigin]) -> Exit {
    match args.format {
        PathFormat::PathJson => match serde_json::to_string(&list) {
            Ok(json) => print(&format!("{json}\n")),
            Err(error) => {
                say(&format!("error: {error}"));
                return Exit::Inconclusive;
            }
        },
        PathFormat::Json => print(&format!("{}\n", serde_json::json!({ "stops": list.stops(), "lists": lists }))),
        PathFormat::Text => {
            let stops = list.stops().iter().map(Release::name).collect::<Vec<_>>().join(" → ");
            print(&format!("{stops}\n{}", origins(lists)));
        }
    }
    Exit::Passed
}

fn print_refusal(args: &PathArgs, error: &PlanError) -> Exit {
    match args.format {
        PathFormat::Json => print(&format!("{}\n", refusal_json(error))),
        PathFormat::Text | PathFormat::PathJson => {
            let at = |place: &str| match place {
                "/from" => args.from.iter().map(|from| format!("--from {from}")).collect(),
                "/to" => args.to.iter().map(|to| format!("--to {to}")).collect(),
                "/edition" => args.edition.iter().map(|edition| format!("--edition {edition}")).collect(),
                _ => Vec::new(),
            };
            let argument = match error {
                PlanError::Refused(refusal) => load::typed(load::ends(refusal), at),
                PlanError::SourceIsALine { .. } => load::typed(&["/from"], at),
                PlanError::NoSuchHop { .. }
                | PlanError::NoSuchStage { .. }
                | PlanError::NothingChecked
                | PlanError::Required { .. }
                | PlanError::Gated(_)
                | PlanError::Setting(_)
                | PlanError::NoZeroDowntime(_)
                | PlanError::Image { .. } => None,
            };
            say(&format!("error: {}{error}", argument.map(|argument| format!("{argument}: ")).unwrap_or_default()));
        }
    }
    Exit::BadInput
}
