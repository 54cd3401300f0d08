#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| hookline_dissect::fuzz("kafka", data));
