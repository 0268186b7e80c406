//! Reads the state of things of ours that nobody else should touch.

use std::path::Path;

use bollard::models::ContainerInspectResponse;
use rehearse_core::outcome::verdict::{Interference, InterferenceKind};

use super::{Watched, interference, out_of_memory};

/// With less free space than this, a disk counts as full.
pub(super) const MIN_FREE: u64 = 4 << 20;

/// The interference that the state of a container shows.
pub(super) fn interference_of(
    thing: &Watched,
    container: &ContainerInspectResponse,
    network: &str,
) -> Option<Interference> {
    let state = container.state.as_ref()?;
    if state.oom_killed == Some(true) {
        return Some(out_of_memory(&thing.object));
    }
    if state.paused == Some(true) {
        return Some(interference(InterferenceKind::ContainerTouched, &thing.object, "it is paused"));
    }
    let networks = container.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let on =
        |id: &str| networks.is_some_and(|all| all.values().any(|endpoint| endpoint.network_id.as_deref() == Some(id)));
    if state.running == Some(true) && networks.is_some() && !on(network) {
        return Some(interference(
            InterferenceKind::NetworkTouched,
            &thing.object,
            "it was disconnected from its network from outside",
        ));
    }
    None
}

/// The interference if a folder's file system has less than `least` bytes free, or cannot hold another file.
pub(super) fn disk_full(folder: &Path, least: u64) -> Option<Interference> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let space = FreeSpace {
        size: stat.f_blocks.saturating_mul(stat.f_frsize),
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        files: stat.f_files,
        files_left: stat.f_favail,
    };
    let problem = space.problem(least)?;
    Some(interference(InterferenceKind::DiskFull, &folder.display().to_string(), problem))
}

/// The size of a file system, and how much of it is free.
#[derive(Debug, Clone, Copy)]
struct FreeSpace {
    size: u64,
    free: u64,
    /// Zero if the file system does not count its files.
    files: u64,
    files_left: u64,
}

impl FreeSpace {
    /// Why it counts as full. A file system without a size, such as `/proc`, cannot be full.
    fn problem(self, least: u64) -> Option<String> {
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
        let fine = FreeSpace { size: 1 << 30, free: MIN_FREE, files: 1000, files_left: 1 };
        assert_eq!(fine.problem(MIN_FREE), None);
        assert_eq!(FreeSpace { files: 0, files_left: 0, ..fine }.problem(MIN_FREE), None);
        assert_eq!(FreeSpace { size: 0, free: 0, ..fine }.problem(MIN_FREE), None);
        assert_eq!(FreeSpace { free: 4095, ..fine }.problem(MIN_FREE).as_deref(), Some("4095 bytes are free"));
        let no_files = FreeSpace { files_left: 0, ..fine };
        assert_eq!(no_files.problem(MIN_FREE).as_deref(), Some("no more files can be created"));
    }

    #[test]
    fn a_real_folder_is_judged_by_its_free_space_and_a_missing_one_is_ignored() {
        let folder = std::env::temp_dir();
        assert_eq!(disk_full(&folder, 0), None);
        let full = disk_full(&folder, u64::MAX).unwrap();
        assert_eq!((full.kind, full.object), (InterferenceKind::DiskFull, folder.display().to_string()));
        assert!(full.observed.ends_with(" bytes are free"), "{}", full.observed);
        assert_eq!(disk_full(Path::new("/no/such/folder"), u64::MAX), None);
    }
}
