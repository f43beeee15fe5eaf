//! Throws whole requests, heads and bodies, at the store.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    strongroom_fuzz::place::send(data);
});
