//! The process that owns things on an engine, and whether it is still alive.

use std::fs;

/// A process, distinguishable from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// The host name of its machine, or of its container.
    pub host: String,
    /// The boot, and the moment in it at which it started; empty if that is unknown.
    pub start: String,
}

/// Whether a process is alive, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs on this machine, or nothing proves that it does not.
    Alive,
    /// It ran on this machine and is gone.
    Gone,
    /// It runs, or ran, on another machine.
    Elsewhere,
}

impl Owner {
    /// The current process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self { pid, host: host_name(), start: start_of(pid).unwrap_or_default() }
    }

    /// Whether the process is still alive, as far as this machine can find out.
    pub fn liveness(&self) -> Liveness {
        if self.host != host_name() {
            Liveness::Elsewhere
        } else if start_of(std::process::id()).is_some() && start_of(self.pid).as_ref() != Some(&self.start) {
            Liveness::Gone
        } else {
            // Or this machine cannot find out.
            Liveness::Alive
        }
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn start_of(pid: u32) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name may contain spaces and brackets, so fields are counted from the last bracket.
    let fields = stat.rsplit_once(')')?.1;
    let ticks = fields.split_whitespace().nth(19)?;
    Some(format!("{}-{ticks}", boot.trim().split('-').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        assert_eq!(Owner::current().liveness(), Liveness::Alive);
    }

    #[test]
    fn a_reused_number_is_not_the_owner() {
        let owner = Owner { start: "00000000-1".into(), ..Owner::current() };
        assert_eq!(owner.liveness(), Liveness::Gone);
    }

    #[test]
    fn a_process_of_another_machine_is_not_judged() {
        let owner = Owner { host: "somewhere-else".into(), ..Owner::current() };
        assert_eq!(owner.liveness(), Liveness::Elsewhere);
    }
}
