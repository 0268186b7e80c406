//! The log of a real server: whose statement failed.

use rehearse::engine::host::Logs;
use rehearse::engine::observer::Observer;
use rehearse_core::check::LogScanner;
use rehearse_core::model::product::{Engine, LogCheck};
use rehearse_core::observation::{LogReview, Response};

use crate::rig::*;
use crate::tables::Server;

const GONE: &str = "select *\n  from gone\n  where 'ERROR' <> ''";

async fn review(server: &Server) -> Result<LogReview, String> {
    server.host.logs_written().await;
    let file = server.host.log_file(&server.site.instance).ok_or("no log file")?;
    let check: LogCheck = serde_json::from_str(r#"{"errors": [" ERROR:  "]}"#).map_err(text)?;
    let scanner = LogScanner::new(&check, &"1.0".parse().map_err(text)?, "db").map_err(text)?;
    server.observer.log(&file, 0, scanner).await
}

async fn whose(server: &Server) -> Outcome {
    let refused = server.observer.rows(&server.site, GONE).await;
    let Response::Rejected(refusal) = &refused else { return Err(format!("{refused:?}")) };
    ensure!(refusal.sqlstate == "42P01" && !refusal.message.contains("rehearse"), "{refusal:?}");
    let again = server.observer.rows_again(&server.site, GONE).await;
    ensure!(matches!(again, Response::Rejected(_)), "{again:?}");
    server.observer.hang_up().await;
    let ours = review(server).await?;
    ensure!((ours.own, ours.count) == (2, 0), "{ours:#?}");

    // The same statement of somebody else.
    ensure!(server.sql(GONE).await.is_err(), "the table is there");
    let both = review(server).await?;
    ensure!((both.own, both.count) == (2, 1), "{both:#?}");
    let example = both.kinds.first().map(|kind| kind.example.join(" ")).unwrap_or_default();
    ensure!(example.contains("relation \"gone\" does not exist"), "{example}");
    Ok(())
}

pub(crate) async fn a_failed_statement_of_ours_does_not_count_as_the_products() -> Outcome {
    let server = Server::start(Engine::Postgresql).await?;
    let done = whose(&server).await;
    server.down().await?;
    done
}
