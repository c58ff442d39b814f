//! C and C++ programs, compiled with every warning as an error and run: plainly, statically linked, under valgrind, with the
//! address sanitizer. Needs `cc`, `c++`, `pkg-config` and `valgrind`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

const C: &[&str] = &["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-pedantic", "-Werror", "-g"];
const CPP: &[&str] = &["-std=c++17", "-Wall", "-Wextra", "-pedantic", "-Werror", "-g"];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The libraries as `install.sh` lays them out, once for all tests.
static PREFIX: LazyLock<PathBuf> = LazyLock::new(|| {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let prefix = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("prefix");
    ran(Command::new("sh").arg(here().join("install.sh")).arg(deps).arg(&prefix));
    prefix
});

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} cannot be run: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn pkg_config(arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", PREFIX.join("lib/pkgconfig")).args(arguments).arg("voice_core");
    let output = ran(&mut command);
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

fn compiled(compiler: &str, source: &Path, name: &str, flags: &[&str], linked: &[String]) -> PathBuf {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new(compiler);
    command.args(flags).args(pkg_config(&["--cflags"])).arg("-I").arg(here().join("tests"));
    ran(command.arg(source).args(linked).arg("-o").arg(&program));
    program
}

fn shared() -> Vec<String> {
    let mut flags = pkg_config(&["--libs"]);
    flags.extend(["-pthread".to_owned(), format!("-Wl,-rpath,{}", PREFIX.join("lib").display())]);
    flags
}

/// With the address and the undefined behaviour sanitizer.
fn sanitized() -> Vec<&'static str> {
    let mut flags = C.to_vec();
    flags.extend(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    flags
}

fn test_source(name: &str) -> PathBuf {
    here().join("tests").join(name)
}

#[test]
fn turns_from_c_behave() {
    let program = compiled("cc", &test_source("turns.c"), "turns", C, &shared());
    let output = ran(&mut Command::new(program));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with("ok ")).count(), 17);
}

/// Runs a test program plainly and with the sanitizers.
fn behaves(name: &str) {
    let source = test_source(&format!("{name}.c"));
    ran(&mut Command::new(compiled("cc", &source, name, C, &shared())));
    ran(&mut Command::new(compiled("cc", &source, &format!("{name}-asan"), &sanitized(), &shared())));
}

#[test]
fn tools_from_c_behave() {
    behaves("tools");
}

#[test]
fn listening_from_c_behaves() {
    behaves("listening");
}

#[test]
fn a_sink_of_metrics_from_c_behaves() {
    behaves("metrics");
}

#[test]
fn accounts_from_c_behave() {
    behaves("people");
}

#[test]
fn a_statically_linked_program_behaves() {
    let archive = PREFIX.join("lib/libvoice_core.a").display().to_string();
    let mut linked = vec![archive];
    linked.extend(pkg_config(&["--libs-only-l", "--static"]).into_iter().filter(|flag| flag != "-lvoice_core"));
    let program = compiled("cc", &test_source("turns.c"), "turns-static", C, &linked);
    ran(&mut Command::new(program));
}

#[test]
fn valgrind_finds_nothing() {
    let program = compiled("cc", &test_source("turns.c"), "turns-valgrind", C, &shared());
    // "Possible" leaks are the stacks of the library's threads, which are alive when the process ends.
    let mut command = Command::new("valgrind");
    command.args(["-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect"]);
    ran(command.args(["--show-leak-kinds=definite,indirect", "--fair-sched=yes"]).arg(program));
}

#[test]
fn the_address_sanitizer_finds_nothing() {
    let program = compiled("cc", &test_source("turns.c"), "turns-asan", &sanitized(), &shared());
    ran(&mut Command::new(program));
}

#[test]
fn cpp_programs_compile_and_run() {
    let program = compiled("c++", &test_source("turn.cpp"), "turn-cpp", CPP, &shared());
    ran(&mut Command::new(program));
}

#[test]
fn every_conformance_scenario_holds() {
    let program = compiled("c++", &test_source("conformance.cpp"), "conformance", CPP, &shared());
    let output = ran(Command::new(program).arg(here().join("../tests/conformance")));
    println!("{}", String::from_utf8_lossy(&output.stdout));
    // From these records `cargo xtask gen parity` makes its table.
    let records = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../conformance");
    fs::create_dir_all(&records).unwrap();
    fs::write(records.join("c.txt"), &output.stdout).unwrap();
}

#[test]
fn memory_stays_flat_over_ten_thousand_turns() {
    let mut flags = C.to_vec();
    flags.push("-O2");
    let program = compiled("cc", &test_source("many.c"), "many", &flags, &shared());
    let output = ran(Command::new(program).arg("10000"));
    println!("{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_first_code_block_of_the_readme_runs() {
    let readme = fs::read_to_string(here().join("README.md")).unwrap();
    let block = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let source = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("readme.c");
    fs::write(&source, block).unwrap();
    let program = compiled("cc", &source, "readme", C, &shared());
    let output = ran(&mut Command::new(program));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello\nYou said something.\n");
}

#[test]
fn the_first_conversation_is_held_and_says_what_is_missing() {
    let source = here().join("../examples/c/first_conversation.c");
    let program = compiled("cc", &source, "first_conversation", C, &shared());
    let empty = tempfile::tempdir().unwrap();
    if let Some(models) = std::env::var_os("VOICE_CORE_MODELS") {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(Path::new(&models).join("test-audio/beckett.wav"), folder.path().join("question.wav")).unwrap();
        let output = ran(Command::new(&program).current_dir(&folder).env("DATABASE_URL", "memory"));
        assert!(String::from_utf8_lossy(&output.stdout).to_lowercase().contains("fail better"));
        assert_eq!(fs::read(folder.path().join("answer.wav")).unwrap()[..4], *b"RIFF");
    }
    let output = Command::new(program)
        .current_dir(&empty)
        .env("HOME", empty.path())
        .env_remove("XDG_DATA_HOME")
        .env_remove("VOICE_CORE_MODELS")
        .output()
        .unwrap();
    // No models and no recording here: either way the program ends in order and names the fault.
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("_REQUEST: ") || said.contains("_ERROR: "), "{said}");
}
