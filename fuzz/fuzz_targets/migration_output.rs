#![no_main]

#[path = "../checks/migration_output.rs"]
mod migration_output;
#[path = "../checks/pieces.rs"]
mod pieces;

libfuzzer_sys::fuzz_target!(|data: &[u8]| migration_output::check(data));
