#![no_main]

#[path = "../checks/log_review.rs"]
mod log_review;
#[path = "../checks/pieces.rs"]
mod pieces;

libfuzzer_sys::fuzz_target!(|data: &[u8]| log_review::check(data));
