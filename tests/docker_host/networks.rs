//! Names, ports, and runs that do not meet.

use std::io::Read;
use std::time::Duration;

use rehearse::docker::list;
use rehearse::engine::host::{Commands, ServiceState, Services, Stream};

use crate::rig::*;

pub(crate) async fn a_service_is_reached_by_its_aliases() -> Outcome {
    let rig = Rig::new().await?;
    let mut server = rig.spec("web", "sleep 600");
    server.aliases = vec!["www".into()];
    rig.up(&server).await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let (code, seen) = rig.sh("box", "getent hosts web && getent hosts www").await?;
    ensure!(code == 0, "{seen}");
    let mut output = CapturedOutput::default();
    // A one-off under the service's own name reaches the service, not itself.
    let probe = rig.spec("web", "a=$(getent hosts web | cut -d' ' -f1); hostname -I 2>/dev/null || true; echo $a");
    rig.host.run(&rig.main, &probe, &mut output).await.map_err(chain)?;
    let (_, expected) = rig.sh("box", "getent hosts web | cut -d' ' -f1").await?;
    ensure!(output.out().lines().last() == Some(expected.trim()), "{} is not {expected}", output.out());
    rig.down().await
}

pub(crate) async fn the_output_and_code_of_a_one_off_are_returned_and_it_is_removed() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("job", "for i in 1 2 3; do echo $i; done; cat /data/x; echo bad >&2; exit 5");
    spec.mounts.push(volume("data", "/data"));
    let mut fill = spec.clone();
    fill.command = Some(["bash", "-c", "printf full > /data/x"].map(str::to_owned).to_vec());
    let mut output = CapturedOutput::default();
    let code = rig.host.run(&rig.main, &fill, &mut output).await.map_err(chain)?;
    ensure!(code == 0, "{code}");
    let code = rig.host.run(&rig.main, &spec, &mut output).await.map_err(chain)?;
    ensure!(code == 5 && output.out() == "1\n2\n3\nfull", "{code} {}", output.out());
    ensure!(output.of(Stream::Err) == "bad\n", "{}", output.of(Stream::Err));
    let state = rig.host.state(&rig.instance("job")).await.map_err(chain)?;
    ensure!(state == ServiceState::Absent, "{state:?}");
    let mut broken = spec;
    (broken.command, broken.entrypoint) = (None, Some(vec!["/no/such".into()]));
    ensure!(rig.host.run(&rig.main, &broken, &mut output).await.is_err(), "a program that is not there ran");
    let containers = list(rig.host.client()).await.map_err(chain)?;
    let left = containers.iter().filter(|it| it.ownership.run == own_run(&rig.host) && it.kind == "container").count();
    ensure!(left == 0, "{left}");
    rig.down().await
}

pub(crate) async fn two_concurrent_runs_are_isolated() -> Outcome {
    let (one, other) = (Rig::new().await?, Rig::new().await?);
    for rig in [&one, &other] {
        let mut spec = rig.spec("db", "sleep 600");
        spec.mounts.push(volume("data", "/data"));
        rig.up(&spec).await?;
    }
    one.up(&one.spec("only-here", "sleep 600")).await?;
    one.sh("db", "echo one > /data/whose").await?;
    let (code, _) = other.sh("db", "getent hosts only-here").await?;
    ensure!(code != 0, "the other run resolves a service of this one");
    // Not by address as well: while 20.10 sets up a further network, its rules leave a gap between networks for a moment.
    let (code, _) = other.sh("db", "test -e /data/whose").await?;
    ensure!(code == 1, "the other run shares a volume with this one");
    one.down().await?;
    let state = other.host.state(&other.instance("db")).await.map_err(chain)?;
    ensure!(matches!(state, ServiceState::Running { .. }), "the teardown of one took the other's: {state:?}");
    other.down().await
}

pub(crate) async fn a_published_port_is_reachable() -> Outcome {
    let rig = Rig::new().await?;
    let server = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 3000, Listen => 5, ReuseAddr => 1) \
                  or die; print \"up\\n\"; $| = 1; while ($c = $s->accept) { print $c \"hello\\n\"; close $c }'";
    let mut spec = rig.spec("web", server);
    spec.ports = vec![3000];
    rig.up(&spec).await?;
    let address = rig.host.address(&rig.instance("web"), 3000).await.map_err(chain)?;
    let said = until(|| async {
        let mut stream = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
        let mut said = String::new();
        stream.read_to_string(&mut said).ok()?;
        Some(said).filter(|said| !said.is_empty())
    });
    let said = said.await?;
    ensure!(said == "hello\n", "{said}");
    ensure!(address.ip().is_loopback(), "{address}");
    let other = rig.host.address(&rig.instance("web"), 3001).await.err().map(chain).unwrap_or_default();
    ensure!(other.contains("port 3001 of service web of main"), "{other}");
    rig.down().await
}
