//! An engine that is reached over the network, with certificates on both sides.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::Outcome;
use crate::machine::Machine;
use crate::rehearsal::Rehearsal;

const ADDRESS: &str = "tcp://127.0.0.1:2376";

fn openssl(folder: &Path, words: &str) -> Outcome {
    let done = Command::new("openssl").args(words.split(' ')).current_dir(folder).output();
    let done = done.map_err(|error| format!("openssl: {error}"))?;
    ensure!(done.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Creates a certificate authority, a certificate for the engine and one for its users, as Docker's manual says.
fn certificates(folder: &Path) -> Outcome {
    openssl(folder, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca-key.pem -out ca.pem")?;
    for (name, extensions) in [
        ("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
        ("client", "extendedKeyUsage=clientAuth\n"),
    ] {
        std::fs::write(folder.join("extensions"), extensions).map_err(|error| error.to_string())?;
        let (key, cert) = if name == "client" { ("key.pem", "cert.pem") } else { ("server-key.pem", "server.pem") };
        openssl(folder, &format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {key} -out request"))?;
        let with = "-CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile extensions";
        openssl(folder, &format!("x509 -req -in request {with} -out {cert}"))?;
    }
    Ok(())
}

pub(crate) fn behind_tls() -> Outcome {
    let mut machine = Machine::new()?;
    let folder = machine.folder().to_owned();
    certificates(&folder)?;
    machine.stop_engine(Signal::TERM)?;
    let file = |name: &str| folder.join(name).display().to_string();
    let (authority, certificate, key) = (file("ca.pem"), file("server.pem"), file("server-key.pem"));
    let options = ["--host", ADDRESS, "--tlsverify", "--tlscacert", &authority, "--tlscert", &certificate];
    machine.start_engine_with(&[&options[..], &["--tlskey", &key]].concat())?;

    let known =
        [("DOCKER_HOST", ADDRESS), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", &folder.display().to_string())];
    let ended = Rehearsal::start_with(&machine, "with certificates", &known)?.ends()?;
    ensure!(ended.code == Some(0), "exit {:?}: {}", ended.code, ended.output);
    ended.reported()?;
    ensure!(machine.things()?.is_empty(), "{:?}", machine.things()?);

    // Without certificates the engine cannot be used, and the error says so.
    let ended = Rehearsal::start_with(&machine, "without certificates", &[("DOCKER_HOST", ADDRESS)])?.ends()?;
    ensure!(ended.code == Some(3), "exit {:?}: {}", ended.code, ended.output);
    ensure!(ended.output.contains("DOCKER_HOST is tcp://127.0.0.1:2376"), "{}", ended.output);
    Ok(())
}
