//! What unit tests measure of memory.

#[path = "../../tests/support/memory.rs"]
mod memory;

/// The most memory this process ever held, in KiB.
pub(crate) fn held_kib() -> u64 {
    memory::memory("VmHWM:").unwrap()
}

/// The same in MiB.
pub(crate) fn held() -> u64 {
    held_kib() >> 10
}
