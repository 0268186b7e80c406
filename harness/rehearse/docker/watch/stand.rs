//! How things of ours stand that nobody but us should touch.

use std::path::Path;

use bollard::models::ContainerInspectResponse;
use rehearse_core::outcome::verdict::{Interference, InterferenceKind};

use super::{Watched, interference, out_of_memory};

/// Less than this is no room to write anything.
const NO_ROOM: u64 = 4 << 20;

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

/// Where a folder's file system has no room left.
pub(super) fn no_room(folder: &Path) -> Option<Interference> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let (free, size) = (stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize);
    let files = stat.f_files > 0 && stat.f_favail == 0;
    (size > 0 && free < NO_ROOM || files).then(|| {
        let what = if files { "no file can be made any more".to_owned() } else { format!("{free} bytes are free") };
        interference(InterferenceKind::DiskFull, &folder.display().to_string(), what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_room_is_fine_and_one_that_is_not_there_is_not_judged() {
        assert_eq!(no_room(Path::new("/")), None);
        assert_eq!(no_room(Path::new("/no/such/folder")), None);
    }
}
