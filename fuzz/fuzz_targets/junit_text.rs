#![no_main]

#[path = "../checks/junit_text.rs"]
mod junit_text;

libfuzzer_sys::fuzz_target!(|data: &[u8]| junit_text::check(data));
