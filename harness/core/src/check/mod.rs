//! Judges observations: pure functions from observations to findings.
//!
//! Each judge adds to a [`crate::outcome::event::CheckReport`]: assertions made on data, findings, inconclusive reasons and
//! notes. Where there is no data, it adds an inconclusive reason and never an assertion.

mod budget;
mod compare;
mod coverage;
mod crawl;
mod data;
mod excerpt;
mod files;
mod fresh;
mod graphql;
mod graphql_schema;
mod json;
mod log_scanner;
mod logs;
mod matcher;
mod migrations;
mod parsed;
mod performance;
mod refused;
mod response;
mod reviewed;

pub use budget::{Budget, Figures, Measured, judge_budget};
pub use compare::{csv_difference, json_difference};
pub use coverage::coverage;
pub use crawl::{
    AskedTwice, AssetFault, CrawlJudge, CrawlNote, CrawlTerms, KnownPage, KnownPages, KnownSite, PageDifference,
    is_far_slower, page_name,
};
pub use data::{
    Affected, DataTerms, Difference, KnownNames, NameOfNothing, NamedIn, OwnWrites, RowWrite, StructureDifference,
    judge_data, judge_own_writes, judge_rows, judge_structure, name_structure, names_of_nothing, reading,
};
pub use excerpt::shorten;
pub use files::{FileDifference, FileTerms, file_rows, judge_file_rows, judge_files, note_files};
pub use fresh::{
    FreshTerms, Lacking, SettingValues, judge_fresh_files, judge_fresh_rows, judge_fresh_settings,
    judge_fresh_structure, settings_in_rows, settings_in_text,
};
pub use graphql::{GraphqlTerms, data_of, judge_graphql, judge_refused};
pub use graphql_schema::{SchemaTerms, judge_schema};
pub use json::JsonTerms;
pub use log_scanner::{LogScanner, OneError};
pub use logs::judge_logs;
pub use matcher::holds;
pub use migrations::{judge_migrations, judge_stream};
pub use performance::{judge_performance, over_budget};
pub use refused::{judge_login, judge_refusal, judge_refused_login};
pub use response::{Compared, ExpectContext, fill_json, judge_response};
