//! The memory of this process, as the kernel tells it.

/// A line of its status, such as `VmRSS:` (what it holds) or `VmHWM:` (the most it ever held), in KiB.
pub(crate) fn memory(line: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|text| text.strip_prefix(line)).ok_or("no such line")?;
    Ok(found.trim().trim_end_matches(" kB").parse()?)
}
