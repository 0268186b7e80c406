//! Sends GraphQL requests: queries as each identity, and introspection for the schema.

use rehearse_core::check::{
    Compared, GraphqlTerms, JsonTerms, SchemaTerms, data_of, fill_json, judge_graphql, judge_refused, judge_schema,
};
use rehearse_core::model::product::{Expect, GraphqlCheck, GraphqlQuery, GraphqlSchemaCheck, ReviewedChange};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::Observation;
use rehearse_core::observation::graphql::{CAPABILITY, Schema, changes, introspection, takes_deprecated_inputs};
use rehearse_core::outcome::code::{FindingCode, InconclusiveCode};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::vocabulary::release::Release;
use serde_json::{Map, Value, json};

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::host::Host;
use super::login::Logins;
use super::mode::{Mode, name};
use super::observer::{Observer, RequestBody};
use super::probe::{Against, Observations};
use super::request::PreparedRequest;

/// A longer response cannot be judged, unless the product file sets another limit.
const MAX_RESPONSE: u64 = 16 << 20;

/// The reviewed changes of the releases that a hop reaches or passes.
fn crossing<'c>(changes: &'c [ReviewedChange], since: &Release, now: &Release) -> Vec<&'c ReviewedChange> {
    changes.iter().filter(|change| *since < change.crossing && change.crossing <= *now).collect()
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Sends one query as each of its identities.
    pub(super) async fn graphql_query(
        &self,
        ctx: &StageContext,
        check: &GraphqlCheck,
        query: &GraphqlQuery,
        against: Against<'_>,
    ) -> Result<(CheckReport, Observations), EngineError> {
        let mut report = CheckReport::new(CheckKind::Graphql, &query.name);
        let mut observations = Observations::new();
        let Some(text) = query.text(&ctx.release) else {
            let text = format!("the query has no variant for {}", ctx.release);
            report.cannot_tell(InconclusiveCode::NothingAsserted, text);
            return Ok((report.decide(), observations));
        };
        let changes = crossing(&query.changes, &self.case.plan.from, &ctx.release);
        let json = JsonTerms { ordered: query.ordered, ignore: &query.ignore };
        let terms = GraphqlTerms { json, changes: &changes };
        let variables = serde_json::to_value(&query.variables).unwrap_or_default();
        let visit = format!("graphql/{}", query.name);
        let mut logins = Logins::default();
        let default = [check.identity.as_deref()];
        let identities: Vec<Option<&str>> = match query.identities.as_slice() {
            [] => default.to_vec(),
            named => named.iter().map(|name| Some(name.as_str())).collect(),
        };
        for identity in identities {
            let request = QueryRequest { name: &query.name, text, variables: &variables, identity };
            let Some(observation) = self.graphql(ctx, check, request, &visit, &mut logins, &mut report).await? else {
                continue;
            };
            let key = format!("graphql/{}[as={}]", query.name, identity.unwrap_or_default());
            let observation = self.response_faults.applied(&key, observation);
            let compared = match against {
                Against::Nothing => Compared::Nothing,
                Against::Baseline(observations) => Compared::Baseline(observations.get(&key)),
            };
            judge_graphql(&observation, terms, compared, &mut report);
            observations.insert(key, observation);
        }
        for name in &query.refused {
            let request = QueryRequest { name: &query.name, text, variables: &variables, identity: Some(name) };
            if let Some(observation) = self.graphql(ctx, check, request, &visit, &mut logins, &mut report).await? {
                judge_refused(&observation, &mut report);
            }
        }
        let report = report.decide();
        self.events.progress(&ctx.stage, format!("{}: {}", report.title(), report.outcome));
        Ok((report, observations))
    }

    /// Reads the schema and compares it with that of the previous release.
    pub(super) async fn graphql_schema(
        &self,
        ctx: &StageContext,
        check: &GraphqlCheck,
        wanted: &GraphqlSchemaCheck,
        before: Option<(&Release, &Schema)>,
        mode: Mode,
    ) -> Result<(CheckReport, Option<Schema>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Graphql, name::GRAPHQL_SCHEMA);
        let Some(schema) = self.introspect(ctx, check, wanted, &mut report).await? else {
            return Ok((report.decide(), None));
        };
        let sdl = self.evidence.write(&ctx.stage.0, "schema", "graphql", schema.sdl().as_bytes())?;
        report.evidence.push(sdl);
        let (types, fields) = schema.size();
        report.notes.push(format!("{types} types with {fields} fields"));
        match (mode, before) {
            (Mode::Baseline, _) => report.assertions += 1,
            (Mode::Hop | Mode::Rollback, None) => {
                let text = "there is no schema of the previous release to compare with";
                report.cannot_tell(InconclusiveCode::NothingToCompare, text);
            }
            (Mode::Hop | Mode::Rollback, Some((since, before))) => match changes(before, &schema) {
                Err(reason) => report.cannot_tell(InconclusiveCode::NotComparable, reason),
                Ok(all) => {
                    let sign = |breaking| if breaking { "breaking" } else { "        " };
                    let lines = all.iter().map(|change| format!("{} {}\n", sign(change.breaking), change.text));
                    let text: String = lines.collect();
                    let file = self.evidence.write(&ctx.stage.0, "schema-changes", "txt", text.as_bytes())?;
                    let known = report.findings.len();
                    let rules = crossing(&wanted.changes, since, &ctx.release);
                    let terms = if mode == Mode::Rollback { SchemaTerms::Same } else { SchemaTerms::Since(&rules) };
                    judge_schema(&all, terms, &mut report);
                    for finding in &mut report.findings[known..] {
                        finding.evidence = Some(file.clone());
                    }
                    report.evidence.push(file);
                }
            },
        }
        Ok((report.decide(), Some(schema)))
    }

    /// Reads the schema by introspection. A server that refuses introspection makes the check inconclusive; one that breaks
    /// on it is a finding.
    async fn introspect(
        &self,
        ctx: &StageContext,
        check: &GraphqlCheck,
        wanted: &GraphqlSchemaCheck,
        report: &mut CheckReport,
    ) -> Result<Option<Schema>, EngineError> {
        let identity = wanted.identity.as_deref().or(check.identity.as_deref());
        let mut logins = Logins::default();
        let mut deprecated_inputs = false;
        for round in 0..2 {
            let text = if round == 0 { CAPABILITY.to_owned() } else { introspection(deprecated_inputs) };
            let name = if round == 0 { "introspection capabilities" } else { "introspection" };
            let request = QueryRequest { name, text: &text, variables: &json!({}), identity };
            let Some(observation) = self.graphql(ctx, check, request, "graphql/schema", &mut logins, report).await?
            else {
                return Ok(None);
            };
            report.evidence.extend(observation.evidence.clone());
            match (data_of(&observation.response), round) {
                (Ok(data), 0) => deprecated_inputs = takes_deprecated_inputs(&data),
                (Ok(data), _) => match Schema::read(data) {
                    Ok(schema) => return Ok(Some(schema)),
                    Err(reason) => {
                        report.cannot_tell_about(InconclusiveCode::NotRead, Subject::GraphqlSchema, reason);
                    }
                },
                (Err((true, reason)), _) => {
                    let subject = Subject::Query(observation.request.clone(), String::new());
                    let mut finding = Finding::new(FindingCode::GraphqlFailed, subject, "the schema", reason);
                    finding.evidence.clone_from(&observation.evidence);
                    report.findings.push(finding);
                    return Ok(None);
                }
                (Err((false, reason)), _) => {
                    let text = format!("{}: introspection returns no schema: {reason}", observation.request);
                    report.cannot_tell_about(InconclusiveCode::NotRead, Subject::GraphqlSchema, text);
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Sends one query as one identity; `None` if it could not be logged in, which the report then says.
    async fn graphql(
        &self,
        ctx: &StageContext,
        check: &GraphqlCheck,
        request: QueryRequest<'_>,
        visit: &str,
        logins: &mut Logins,
        report: &mut CheckReport,
    ) -> Result<Option<Observation>, EngineError> {
        if let Some(identity) = request.identity
            && !self.log_in(ctx, visit, identity, logins, report).await?
        {
            return Ok(None);
        }
        let captured: &Map<String, Value> = &logins.captured;
        let context = self.case.placeholders(ctx, &Default::default(), captured);
        // Placeholders are filled in only in the variables: the braces of a query mean something else.
        let mut body = json!({ "query": request.text });
        if request.variables.as_object().is_some_and(|variables| !variables.is_empty()) {
            body["variables"] = fill_json(request.variables, &context)?;
        }
        let endpoint = &check.endpoint;
        let longest = check.longest.as_ref().map_or(MAX_RESPONSE, |size| size.bytes());
        let request = PreparedRequest {
            title: request
                .identity
                .map_or_else(|| request.name.to_owned(), |name| format!("{} as {name}", request.name)),
            service: &endpoint.service,
            port: endpoint.port.get(),
            method: "POST",
            path: endpoint.path.render(&context)?,
            identity: request.identity.map(str::to_owned),
            headers: &endpoint.headers,
            body: Some(RequestBody::Json(body)),
            deadline: check.deadline.as_ref(),
            keep: usize::try_from(longest).unwrap_or(usize::MAX),
            within: None,
            expect: &Expect::default(),
            logs_in: false,
        };
        Ok(Some(self.request(ctx, request, visit, &context).await?))
    }
}

/// A query as it is to be sent.
struct QueryRequest<'a> {
    name: &'a str,
    text: &'a str,
    variables: &'a Value,
    identity: Option<&'a str>,
}
