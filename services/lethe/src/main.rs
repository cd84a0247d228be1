//! Entry point of the command line.

fn main() -> std::process::ExitCode {
    lethe::run(std::env::args_os())
}
