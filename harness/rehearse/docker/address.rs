//! `DOCKER_HOST`: the address of the engine.

use std::env;

use crate::engine::host::HostError;

/// The schemes that are supported: a socket of this machine, or a port of any machine.
const SOCKET: &str = "unix";
const PORTS: [&str; 3] = ["tcp", "http", "https"];

/// The value of `DOCKER_HOST`; `None` if it is unset or empty, which means the local socket.
///
/// # Errors
/// When it is not a valid address of an engine: bad input, which waiting cannot fix.
pub fn from_env() -> Result<Option<String>, HostError> {
    let Some(value) = env::var_os("DOCKER_HOST").filter(|value| !value.is_empty()) else { return Ok(None) };
    let address = value.to_string_lossy().into_owned();
    let why = if value.to_str().is_none() { Err("it is not UTF-8".to_owned()) } else { well_formed(&address) };
    match why {
        Ok(()) => Ok(Some(address)),
        Err(why) => Err(HostError::Address {
            address,
            setting: "DOCKER_HOST",
            engine: "a container engine",
            why,
            expected: "unix:///PATH, tcp://HOST:PORT or https://HOST:PORT, or nothing for the local socket",
        }),
    }
}

fn well_formed(address: &str) -> Result<(), String> {
    let Some((scheme, rest)) = address.split_once("://") else { return Err("it has no `://`".to_owned()) };
    if scheme == SOCKET {
        return if rest.is_empty() { Err("it has no path to a socket".to_owned()) } else { Ok(()) };
    }
    if !PORTS.contains(&scheme) {
        return Err(format!("the scheme `{scheme}` is not supported"));
    }
    let (host, port) = parts(rest);
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("it has no host name".to_owned());
    }
    match port {
        Some(port) if port.parse::<u16>().map_or(true, |port| port == 0) => {
            Err(format!("`{port}` is not a valid port"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The host name in an address; `None` if it is a socket of this machine.
pub(crate) fn remote_host(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    PORTS.contains(&scheme).then(|| parts(rest).0.to_owned())
}

/// The host name and the port in `me@machine:port/path`.
fn parts(rest: &str) -> (&str, Option<&str>) {
    let authority = rest.split('/').next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((v6, port)) => (v6, port.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_remote_engine_is_read_from_its_address() {
        let check = |address: &str, expected: Option<&str>| assert_eq!(remote_host(address).as_deref(), expected);
        check("unix:///var/run/docker.sock", None);
        check("tcp://docker:2375", Some("docker"));
        check("tcp://10.0.0.7:2376/", Some("10.0.0.7"));
        check("tcp://[::1]:2375", Some("::1"));
        check("https://me@box", Some("box"));
    }

    #[test]
    fn loopback_is_recognised_by_name_and_by_number() {
        assert!(is_loopback("localhost") && is_loopback("127.0.0.1") && is_loopback("::1"));
        assert!(!is_loopback("docker"));
    }

    #[test]
    fn an_invalid_address_is_rejected_with_the_reason() {
        let check = |address: &str, expected: Result<(), &str>| {
            assert_eq!(well_formed(address), expected.map_err(str::to_owned), "{address}");
        };
        check("unix:///none", Ok(()));
        check("tcp://docker", Ok(()));
        check("tcp://[::1]:2375", Ok(()));
        check("https://box:2376/", Ok(()));
        check("nonsense", Err("it has no `://`"));
        check("/var/run/docker.sock", Err("it has no `://`"));
        check("unix://", Err("it has no path to a socket"));
        check("tcp://", Err("it has no host name"));
        check("tcp://:2375", Err("it has no host name"));
        check("tcp:// :2375", Err("it has no host name"));
        check("tcp://docker:port", Err("`port` is not a valid port"));
        check("tcp://docker:0", Err("`0` is not a valid port"));
        check("tcp://docker:99999", Err("`99999` is not a valid port"));
        check("ssh://me@box", Err("the scheme `ssh` is not supported"));
    }
}
