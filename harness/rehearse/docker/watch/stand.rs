//! How things of ours stand that nobody but us should touch.

use std::path::Path;

use bollard::models::ContainerInspectResponse;
use rehearse_core::outcome::verdict::{Interference, InterferenceKind};

use super::{Watched, interference, out_of_memory};

/// With less than this nothing can be written.
pub(super) const NO_ROOM: u64 = 4 << 20;

/// How a container of ours stands that should be left alone.
pub(super) fn stands(thing: &Watched, seen: &ContainerInspectResponse, network: &str) -> Option<Interference> {
    let state = seen.state.as_ref()?;
    if state.oom_killed == Some(true) {
        return Some(out_of_memory(&thing.object));
    }
    if state.paused == Some(true) {
        return Some(interference(InterferenceKind::ContainerTouched, &thing.object, "it is paused"));
    }
    let networks = seen.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let on =
        |id: &str| networks.is_some_and(|all| all.values().any(|endpoint| endpoint.network_id.as_deref() == Some(id)));
    if state.running == Some(true) && networks.is_some() && !on(network) {
        return Some(interference(
            InterferenceKind::NetworkTouched,
            &thing.object,
            "it was taken off its network from outside",
        ));
    }
    None
}

/// Says so where a folder's file system has less than `least` bytes left, or cannot hold another file.
pub(super) fn no_room(folder: &Path, least: u64) -> Option<Interference> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let room = Room {
        size: stat.f_blocks.saturating_mul(stat.f_frsize),
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        files: stat.f_files,
        files_left: stat.f_favail,
    };
    let lack = room.lack(least)?;
    Some(interference(InterferenceKind::DiskFull, &folder.display().to_string(), lack))
}

/// How large a file system is, and what is left of it.
#[derive(Debug, Clone, Copy)]
struct Room {
    size: u64,
    free: u64,
    /// Zero where a file system does not count its files.
    files: u64,
    files_left: u64,
}

impl Room {
    /// What is missing. A file system without a size, such as `/proc`, has nothing to fill.
    fn lack(self, least: u64) -> Option<String> {
        if self.files > 0 && self.files_left == 0 {
            return Some("no more files can be created".to_owned());
        }
        (self.size > 0 && self.free < least).then(|| format!("{} bytes are free", self.free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_full_without_bytes_or_without_files() {
        let fine = Room { size: 1 << 30, free: NO_ROOM, files: 1000, files_left: 1 };
        assert_eq!(fine.lack(NO_ROOM), None);
        assert_eq!(Room { files: 0, files_left: 0, ..fine }.lack(NO_ROOM), None);
        assert_eq!(Room { size: 0, free: 0, ..fine }.lack(NO_ROOM), None);
        assert_eq!(Room { free: 4095, ..fine }.lack(NO_ROOM).as_deref(), Some("4095 bytes are free"));
        let no_files = Room { files_left: 0, ..fine };
        assert_eq!(no_files.lack(NO_ROOM).as_deref(), Some("no more files can be created"));
    }

    #[test]
    fn a_real_folder_is_judged_by_what_it_has_left_and_one_that_is_not_there_is_not() {
        let folder = std::env::temp_dir();
        assert_eq!(no_room(&folder, 0), None);
        let full = no_room(&folder, u64::MAX).unwrap();
        assert_eq!((full.kind, full.object), (InterferenceKind::DiskFull, folder.display().to_string()));
        assert!(full.observed.ends_with(" bytes are free"), "{}", full.observed);
        assert_eq!(no_room(Path::new("/no/such/folder"), u64::MAX), None);
    }
}
