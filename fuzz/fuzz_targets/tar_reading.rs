#![no_main]

#[path = "../checks/tar_reading.rs"]
mod tar_reading;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tar_reading::check(data));
