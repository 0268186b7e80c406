//! What a wait asks a real server again and again: through one client, which nothing that happens to the server stops, and
//! which is in nobody's way.

use std::time::Duration;

use rehearse::engine::host::{Command, Commands, Services};
use rehearse::engine::observer::Observer;
use rehearse_core::model::product::Engine;
use rehearse_core::observation::Response;

use crate::rig::*;
use crate::tables::Server;

impl Server {
    /// The single value of what a wait asks.
    async fn again(&self, sql: &str) -> Result<String, String> {
        let response = self.observer.rows_again(&self.site, sql).await;
        let Response::Rows(rows) = &response else { return Err(format!("{sql}: {response:?}")) };
        rows.value().map(str::to_owned).ok_or_else(|| format!("{sql}: {response:?}"))
    }

    async fn value(&self, sql: &str) -> Result<String, String> {
        let response = self.observer.rows(&self.site, sql).await;
        let Response::Rows(rows) = &response else { return Err(format!("{sql}: {response:?}")) };
        rows.value().map(str::to_owned).ok_or_else(|| format!("{sql}: {response:?}"))
    }

    async fn sh(&self, script: &str) -> Result<String, String> {
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        let mut output = CapturedOutput::default();
        let command = Command { argv, ..Command::default() };
        let code = self.host.exec(&self.site.instance, &command, &mut output).await.map_err(chain)?;
        ensure!(code == 0, "{script}: {code} {output:?}", output = output.0);
        Ok(output.out().trim().to_owned())
    }

    /// The client programs that run in its container.
    async fn clients(&self) -> Result<usize, String> {
        let of_engine = match self.site.engine {
            Engine::Postgresql => "psql",
            Engine::Mysql => "mariadb",
        };
        let all = self.sh("cat /proc/[0-9]*/comm").await?;
        Ok(all.lines().filter(|name| *name == of_engine).count())
    }

    async fn restart(&self) -> Outcome {
        self.host.stop(&self.site.instance.deployment, &self.site.instance.service).await.map_err(chain)?;
        self.host.start(&self.site.instance.deployment, &self.site.instance.service).await.map_err(chain)?;
        self.comes().await
    }
}

async fn ends(server: Server, done: Outcome) -> Outcome {
    server.down().await?;
    done
}

pub(crate) async fn repeated_queries_share_one_client_of_postgresql() -> Outcome {
    let server = Server::start(Engine::Postgresql).await?;
    let done = postgresql(&server).await;
    ends(server, done).await
}

async fn postgresql(server: &Server) -> Outcome {
    const WHO: &str = "select pg_backend_pid()";
    let first = server.again(WHO).await?;
    for _ in 0..20 {
        ensure!(server.again(WHO).await? == first, "another session");
    }
    ensure!(server.clients().await? == 1, "{} clients", server.clients().await?);
    // It is nobody's: neither a proof that nobody is on the database nor a look at what others do counts it.
    ensure!(server.observer.sessions(&server.site).await? == 0, "it is counted");
    let activity = server.observer.activity(&server.site).await?.ok_or("no activity")?;
    ensure!(activity.sessions.is_empty(), "{activity:?}");

    // What a question leaves in its session, the next one does not see.
    server.again("begin; select 1").await?;
    server.again("set search_path to nowhere; select 1").await?;
    ensure!(server.again("select current_setting('search_path')").await? != "nowhere", "the setting stayed");
    ensure!(server.again("select count(*) from pg_stat_activity where state like 'idle in%'").await? == "0", "open");

    // Two at once do not wait for each other.
    let slow = server.again("select pg_sleep(2)");
    let quick = async {
        let began = std::time::Instant::now();
        for _ in 0..5 {
            server.again("select 1").await?;
        }
        ensure!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
        Ok::<(), String>(())
    };
    let (slow, quick) = futures_util::future::join(slow, quick).await;
    slow?;
    quick?;

    // Closed, it is in the way of nobody who wants the database for himself.
    server.observer.hang_up().await;
    ensure!(server.clients().await? == 0, "{} clients", server.clients().await?);
    server.sql("create database copy template shop").await?;

    // Its session is ended, its server restarts: another one is opened.
    let first = server.again(WHO).await?;
    server.sql(&format!("select pg_terminate_backend({first})")).await?;
    ensure!(server.again(WHO).await? != first, "it was not ended");
    server.restart().await?;
    server.again(WHO).await?;

    // Nobody asks any more, and nobody hung up.
    tokio::time::sleep(Duration::from_secs(5)).await;
    ensure!(server.clients().await? == 0, "{} clients", server.clients().await?);

    // One that is given up is ended in the container; the next question gets another one.
    let given_up = tokio::time::timeout(Duration::from_millis(500), server.again("select pg_sleep(100)")).await;
    ensure!(given_up.is_err(), "{given_up:?}");
    ensure!(server.again("select 1").await? == "1", "no answer");
    let endings = server.host.endings().await;
    ensure!(endings.len() == 1, "{endings:?}");
    server.observer.hang_up().await;
    ensure!(server.clients().await? == 0, "{} clients", server.clients().await?);

    // A quote that nobody closes is the server's to judge.
    let response = server.observer.rows_again(&server.site, "select 'a").await;
    ensure!(matches!(&response, Response::Rejected(refusal) if refusal.sqlstate == "42601"), "{response:?}");
    Ok(())
}

pub(crate) async fn repeated_queries_share_one_client_of_mariadb() -> Outcome {
    let server = Server::start(Engine::Mysql).await?;
    let done = mariadb(&server).await;
    ends(server, done).await
}

async fn mariadb(server: &Server) -> Outcome {
    const WHO: &str = "select connection_id()";
    let first = server.again(WHO).await?;
    for _ in 0..20 {
        ensure!(server.again(WHO).await? == first, "another session");
    }
    ensure!(server.clients().await? == 1, "{} clients", server.clients().await?);
    // What others write is seen, though a question left its transaction open.
    server.sql("create table t (a int)").await?;
    ensure!(server.again("start transaction with consistent snapshot; select count(*) from t").await? == "0", "rows");
    server.sql("insert into t values (1)").await?;
    ensure!(server.again("select count(*) from t").await? == "1", "no row");
    server.restart().await?;
    ensure!(server.again("select count(*) from t").await? == "1", "no row");
    server.observer.hang_up().await;
    ensure!(server.clients().await? == 0, "{} clients", server.clients().await?);
    ensure!(server.observer.sessions(&server.site).await? == 0, "a session is left");
    Ok(())
}

pub(crate) async fn a_refusal_is_recognised_by_its_code_in_german_too() -> Outcome {
    for engine in [Engine::Postgresql, Engine::Mysql] {
        let server = Server::start(engine).await?;
        let done = refused_in_german(&server).await;
        ends(server, done).await?;
    }
    Ok(())
}

async fn refused_in_german(server: &Server) -> Outcome {
    let expected = match server.site.engine {
        Engine::Postgresql => {
            server.sh("localedef -i de_DE -f UTF-8 de_DE.UTF-8").await?;
            // A server that runs knows the languages that were there as it started.
            server.restart().await?;
            server.sql("alter system set lc_messages = 'de_DE.UTF-8'").await?;
            server.restart().await?;
            ("42P01", None, "existiert nicht")
        }
        Engine::Mysql => {
            server.sql("set global lc_messages = 'de_DE'").await?;
            ("42S02", Some(1146), "existiert nicht")
        }
    };
    let sql = "select * from nothing_here";
    for response in [server.observer.rows(&server.site, sql).await, server.observer.rows_again(&server.site, sql).await]
    {
        let Response::Rejected(refusal) = &response else { return Err(format!("{response:?}")) };
        ensure!((refusal.sqlstate.as_str(), refusal.number) == (expected.0, expected.1), "{refusal:?}");
        ensure!(refusal.message.contains(expected.2), "it does not speak German: {refusal:?}");
        ensure!(!refusal.message.contains(".c:"), "the place in the server's source is no message: {refusal:?}");
    }
    // A session that is ended while it is asked says it in German too, and is no refusal.
    if server.site.engine == Engine::Postgresql {
        let request = server.observer.rows(&server.site, "select pg_terminate_backend(pg_backend_pid())").await;
        ensure!(matches!(request, Response::ProbeError { .. }), "{request:?}");
    } else {
        let request = server.observer.rows(&server.site, "kill connection_id()").await;
        ensure!(matches!(request, Response::ProbeError { .. }), "{request:?}");
    }
    server.value("select 1").await.map(drop)
}
