//! Asks GraphQL: queries as each identity, and the schema by introspection.

use rehearse_core::check::{
    Compared, GraphqlTerms, JsonTerms, SchemaTerms, data_of, fill_json, judge_graphql, judge_refused, judge_schema,
};
use rehearse_core::event::CheckReport;
use rehearse_core::graphql::{CAPABILITY, Schema, changes, introspection, takes_deprecated_inputs};
use rehearse_core::observe::Seen;
use rehearse_core::product::{Expect, GraphqlCheck, GraphqlQuery, GraphqlSchemaCheck, ReviewedChange};
use rehearse_core::release::Release;
use rehearse_core::scenario::CheckKind;
use rehearse_core::verdict::Finding;
use serde_json::{Map, Value, json};

use super::checks::Mode;
use super::host::Host;
use super::login::Logins;
use super::observer::{Content, Observer};
use super::probe::{Against, Answers};
use super::request::Request;
use super::world::{Scene, Trouble, World};

/// The check of the schema.
pub(super) const INTERFACE: &str = "the schema breaks no query but by reviewed changes";
/// An answer longer than this cannot be judged when the product does not say another length.
const LONGEST: u64 = 16 << 20;

/// The reviewed changes of the releases that are reached or passed.
fn crossing<'c>(changes: &'c [ReviewedChange], since: &Release, now: &Release) -> Vec<&'c ReviewedChange> {
    changes.iter().filter(|change| *since < change.crossing && change.crossing <= *now).collect()
}

impl<H: Host, O: Observer> World<H, O> {
    /// Asks one query as each of its identities.
    pub(super) async fn graphql_query(
        &self,
        scene: &Scene,
        check: &GraphqlCheck,
        query: &GraphqlQuery,
        against: Against<'_>,
    ) -> Result<(CheckReport, Answers), Trouble> {
        let mut report = CheckReport::new(CheckKind::Graphql, &query.name);
        let mut answers = Answers::new();
        let Some(text) = query.text(&scene.release) else {
            report.unclear.push(format!("no variant of the query is for {}", scene.release));
            return Ok((report.decide(), answers));
        };
        let changes = crossing(&query.changes, &self.case.plan.from, &scene.release);
        let json = JsonTerms { ordered: query.ordered, ignore: &query.ignore };
        let terms = GraphqlTerms { json, changes: &changes };
        let variables = serde_json::to_value(&query.variables).unwrap_or_default();
        let visit = format!("graphql/{}", query.name);
        let mut logins = Logins::default();
        let usual = [check.identity.as_deref()];
        let asking: Vec<Option<&str>> = match query.identities.as_slice() {
            [] => usual.to_vec(),
            named => named.iter().map(|name| Some(name.as_str())).collect(),
        };
        for identity in asking {
            let asked = Asked { name: &query.name, text, variables: &variables, identity };
            let Some(seen) = self.graphql(scene, check, asked, &visit, &mut logins, &mut report).await? else {
                continue;
            };
            let key = format!("graphql/{}[as={}]", query.name, identity.unwrap_or_default());
            let compared = match against {
                Against::Nothing => Compared::Nothing,
                Against::Baseline(answers) => Compared::Baseline(answers.get(&key)),
            };
            judge_graphql(&seen, terms, compared, &mut report);
            answers.insert(key, seen);
        }
        for name in &query.refused {
            let asked = Asked { name: &query.name, text, variables: &variables, identity: Some(name) };
            if let Some(seen) = self.graphql(scene, check, asked, &visit, &mut logins, &mut report).await? {
                judge_refused(&seen, &mut report);
            }
        }
        let report = report.decide();
        self.progress(&scene.stage, format!("{}: {}", report.title(), report.outcome));
        Ok((report, answers))
    }

    /// Reads the schema and compares it with the one before.
    pub(super) async fn graphql_schema(
        &self,
        scene: &Scene,
        check: &GraphqlCheck,
        wanted: &GraphqlSchemaCheck,
        before: Option<(&Release, &Schema)>,
        mode: Mode,
    ) -> Result<(CheckReport, Option<Schema>), Trouble> {
        let mut report = CheckReport::new(CheckKind::Graphql, INTERFACE);
        let Some(schema) = self.introspect(scene, check, wanted, &mut report).await? else {
            return Ok((report.decide(), None));
        };
        let sdl = self.evidence.write(&scene.stage.0, "schema", "graphql", schema.sdl().as_bytes())?;
        report.evidence.push(sdl);
        let (types, fields) = schema.size();
        report.notes.push(format!("{types} types with {fields} fields"));
        match (mode, before) {
            (Mode::Baseline, _) => report.assertions += 1,
            (Mode::Hop | Mode::Return, None) => {
                report.unclear.push("there is no schema of the release before to compare with".to_owned());
            }
            (Mode::Hop | Mode::Return, Some((since, before))) => match changes(before, &schema) {
                Err(reason) => report.unclear.push(reason),
                Ok(all) => {
                    let sign = |breaking| if breaking { "breaking" } else { "        " };
                    let lines = all.iter().map(|change| format!("{} {}\n", sign(change.breaking), change.text));
                    let text: String = lines.collect();
                    let shown = self.evidence.write(&scene.stage.0, "schema-changes", "txt", text.as_bytes())?;
                    let known = report.findings.len();
                    let rules = crossing(&wanted.changes, since, &scene.release);
                    let terms = if mode == Mode::Return { SchemaTerms::Same } else { SchemaTerms::Since(&rules) };
                    judge_schema(&all, terms, &mut report);
                    for finding in &mut report.findings[known..] {
                        finding.evidence = Some(shown.clone());
                    }
                    report.evidence.push(shown);
                }
            },
        }
        Ok((report.decide(), Some(schema)))
    }

    /// The schema by introspection; a server that does not tell is no finding, one that breaks is.
    async fn introspect(
        &self,
        scene: &Scene,
        check: &GraphqlCheck,
        wanted: &GraphqlSchemaCheck,
        report: &mut CheckReport,
    ) -> Result<Option<Schema>, Trouble> {
        let identity = wanted.identity.as_deref().or(check.identity.as_deref());
        let mut logins = Logins::default();
        let mut deprecated_inputs = false;
        for round in 0..2 {
            let text = if round == 0 { CAPABILITY.to_owned() } else { introspection(deprecated_inputs) };
            let name = if round == 0 { "what introspection tells" } else { "introspection" };
            let asked = Asked { name, text: &text, variables: &json!({}), identity };
            let Some(seen) = self.graphql(scene, check, asked, "graphql/schema", &mut logins, report).await? else {
                return Ok(None);
            };
            report.evidence.extend(seen.evidence.clone());
            match (data_of(&seen.answer), round) {
                (Ok(data), 0) => deprecated_inputs = takes_deprecated_inputs(&data),
                (Ok(data), _) => match Schema::read(data) {
                    Ok(schema) => return Ok(Some(schema)),
                    Err(reason) => report.unclear.push(format!("{}: {reason}", seen.asked)),
                },
                (Err((true, reason)), _) => {
                    let mut finding = Finding::new(&seen.asked, "the schema", reason);
                    finding.evidence.clone_from(&seen.evidence);
                    report.findings.push(finding);
                    return Ok(None);
                }
                (Err((false, reason)), _) => {
                    report.unclear.push(format!("{}: introspection tells no schema: {reason}", seen.asked));
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Sends one query as one identity; none when it could not be logged in, which was told.
    async fn graphql(
        &self,
        scene: &Scene,
        check: &GraphqlCheck,
        asked: Asked<'_>,
        visit: &str,
        logins: &mut Logins,
        report: &mut CheckReport,
    ) -> Result<Option<Seen>, Trouble> {
        if let Some(identity) = asked.identity
            && !self.log_in(scene, visit, identity, logins, report).await?
        {
            return Ok(None);
        }
        let captured: &Map<String, Value> = &logins.captured;
        let context = self.context(scene, &Default::default(), captured);
        // Only variables hold placeholders: a query's own braces are none.
        let mut body = json!({ "query": asked.text });
        if asked.variables.as_object().is_some_and(|variables| !variables.is_empty()) {
            body["variables"] = fill_json(asked.variables, &context)?;
        }
        let endpoint = &check.endpoint;
        let longest = check.longest.as_ref().map_or(LONGEST, |size| size.bytes());
        let request = Request {
            asked: asked.identity.map_or_else(|| asked.name.to_owned(), |name| format!("{} as {name}", asked.name)),
            service: &endpoint.service,
            port: endpoint.port,
            method: "POST",
            path: endpoint.path.render(&context)?,
            identity: asked.identity.map(str::to_owned),
            headers: &endpoint.headers,
            body: Some(Content::Json(body)),
            deadline: check.deadline.as_ref(),
            keep: usize::try_from(longest).unwrap_or(usize::MAX),
            within: None,
            expect: &Expect::default(),
            logs_in: false,
        };
        Ok(Some(self.request(scene, request, visit, &context).await?))
    }
}

/// A query as it is to be asked.
struct Asked<'a> {
    name: &'a str,
    text: &'a str,
    variables: &'a Value,
    identity: Option<&'a str>,
}
