//! The command line of `rehearse`.

fn main() -> std::process::ExitCode {
    rehearse::cli::main()
}
