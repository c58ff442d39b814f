//! The project's own commands: `cargo xtask test | demo | bench | gen | verify | dist | arch`.

mod arch;
mod bench;
mod counts;
mod demo;
mod dist;
mod generate;
mod metadata;
mod overhead;
mod pack;
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
cargo xtask bench turn|live [--peers]|store|knowledge|ingest|talk|overhead|local_turn [ARGUMENT…]
                                measure what is published, and hold it against its bars: see benches/README.md
cargo xtask dist [python|node]  build the packages as they are published, and hold them against their bars
cargo xtask gen [parity]        write what is made from the library: native layers, config types, C header, npm packages of platforms;
                                parity: the table of scenarios, from the last test run
cargo xtask verify              show what of that is not current
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
        "dist" => dist::run(rest),
        "arch" => arch::run(),
        "gen" => generate::write(&project::Project::here(), rest),
        "verify" => generate::verify(&project::Project::here()),
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
