//! The program: arguments, one verb, an exit code.

use std::process::ExitCode;

/// Requests allocate on several threads at once, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    strongroom::cli::run()
}
