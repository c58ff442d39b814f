//! The project's own commands: `cargo xtask test | demo | bench | arch`.

mod arch;
mod bench;
mod counts;
mod demo;
mod metadata;
mod project;
mod run;
mod servers;
mod setup;
mod test;
mod words;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [STEP…]        set up what is missing, then check and test everything (or only the steps named)
cargo xtask demo                answer a recording of a human voice, offline, and hold the figures against their bars
cargo xtask bench ingest|turn|store [ARGUMENT…]
                                measure, in release mode
cargo xtask arch                draw the rooms and check the rules of the sources";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match command {
        "test" => test::run(rest),
        "demo" => demo::run(),
        "bench" => bench::run(rest),
        "arch" => arch::run(),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("there is no command {other:?}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
