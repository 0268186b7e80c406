//! Commands inside services.

use std::collections::BTreeMap;

use rehearse::engine::host::{Command, Commands, Stdin, Stream};

use crate::rig::*;

pub(crate) async fn a_command_gets_user_env_and_workdir_and_returns_its_code() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let command = Command {
        argv: ["bash", "-c", "id -un; echo $GREETING; pwd; echo oops >&2; exit 7"].map(str::to_owned).to_vec(),
        user: Some("www-data".into()),
        env: BTreeMap::from([("GREETING".into(), "a b=c".into())]),
        workdir: Some("/var/tmp".into()),
        stdin: None,
    };
    let mut output = CapturedOutput::default();
    let code = rig.host.exec(&rig.instance("box"), &command, &mut output).await.map_err(chain)?;
    ensure!(code == 7, "{code}");
    ensure!(output.out() == "www-data\na b=c\n/var/tmp\n", "{}", output.out());
    ensure!(output.of(Stream::Err) == "oops\n", "{}", output.of(Stream::Err));
    let (code, _) = rig.exec("box", Command { argv: vec!["no-such-program".into()], ..Command::default() }).await?;
    ensure!(code == 126 || code == 127, "{code}");
    let gone = rig.sh("nobody", "true").await.err().unwrap_or_default();
    ensure!(gone.contains("service nobody of main"), "{gone}");
    rig.down().await
}

pub(crate) async fn a_command_reads_its_input_to_the_end() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let file = rig.folder.path().join("input");
    noise(&file, 32)?;
    for (stdin, expected) in [(Stdin::File(file), 32 << 20), (Stdin::Bytes(b"hello".to_vec()), 5)] {
        let command = Command { argv: vec!["wc".into(), "-c".into()], stdin: Some(stdin), ..Command::default() };
        let (code, out) = rig.exec("box", command).await?;
        ensure!(code == 0 && out.trim() == expected.to_string(), "{code} {out}");
    }
    rig.down().await
}

pub(crate) async fn a_command_may_ignore_its_input() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let file = rig.folder.path().join("input");
    noise(&file, 32)?;
    let argv = ["bash", "-c", "head -c 10 > /dev/null; exit 3"].map(str::to_owned).to_vec();
    let (code, _) = rig.exec("box", Command { argv, stdin: Some(Stdin::File(file)), ..Command::default() }).await?;
    ensure!(code == 3, "{code}");
    let missing = Stdin::File(rig.folder.path().join("missing"));
    let command = Command { argv: vec!["touch".into(), "/ran".into()], stdin: Some(missing), ..Command::default() };
    ensure!(rig.exec("box", command).await.is_err(), "an input that is not there");
    let (code, _) = rig.sh("box", "test -e /ran").await?;
    ensure!(code == 1, "it ran without its input");
    rig.down().await
}
