//! `cargo xtask gen` writes what is made from the library itself; `cargo xtask verify` shows what is not current.

mod blocking;
mod kotlin;
mod npm;
mod parity;
mod python;
mod schema;
mod swift;
mod text;
mod typescript;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{metadata, project::Project, run::output};
use schema::Schema;

/// A generated file: its path from the root, and what it should hold.
pub struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: String, text: String) -> Self {
        Self { path, text }
    }
}

/// Where each language names the codes of errors.
const ERROR_TABLES: &[&str] = &[
    "bindings-c/src/error.rs",
    "bindings-kotlin/src/main/kotlin/voicecore/VoiceException.kt",
    "bindings-node/ts/error.ts",
    "bindings-python/python/voice_core/_errors.py",
    "bindings-swift/Sources/VoiceCore/VoiceError.swift",
];

/// Writes the generated files, or only the table of parity.
pub fn write(project: &Project, arguments: &[String]) -> Result<bool> {
    let files = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => all(project)?,
        ["parity"] => {
            let missing = "the runners have left no records: run `cargo xtask test` first";
            vec![parity::file(project)?.context(missing)?]
        }
        _ => bail!("expected nothing, or parity"),
    };
    for file in files {
        let path = project.root.join(&file.path);
        if fs::read_to_string(&path).is_ok_and(|current| current == file.text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, file.text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", file.path);
    }
    Ok(true)
}

/// Shows the difference between what is committed and what would be written. True when there is none.
pub fn verify(project: &Project) -> Result<bool> {
    let mut files = all(project)?;
    match parity::file(project)? {
        Some(file) => files.push(file),
        None => println!("docs/parity.md is not compared: not every runner has left a record"),
    }
    let folder = project.target.join("xtask/generated");
    let mut current = true;
    for file in &files {
        let wanted = folder.join(&file.path);
        if let Some(folder) = wanted.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&wanted, &file.text)?;
        let committed = project.root.join(&file.path);
        if fs::read_to_string(&committed).is_ok_and(|text| text == file.text) {
            continue;
        }
        current = false;
        println!("{} is not current:", file.path);
        let committed = if committed.exists() { committed } else { PathBuf::from("/dev/null") };
        // Its status says that there is a difference, which is known.
        let _differs = project.command("diff").arg("-u").args([committed, wanted]).status();
    }
    if current {
        println!("{} generated files are current", files.len());
    } else {
        println!("run `cargo xtask gen` (for docs/parity.md `cargo xtask gen parity`) and commit what it writes");
    }
    Ok(current)
}

/// Every generated file but the table of parity, which takes a test run.
fn all(project: &Project) -> Result<Vec<File>> {
    // Without the functions that fail on purpose: what is committed is what users get. All else as the tests build it, so that no
    // dependency is compiled anew.
    let members = metadata::members(project)?;
    let features = members.iter().flat_map(|m| m.features.iter().map(move |feature| (m, feature)));
    let wanted = features.filter(|(_, feature)| *feature != "testing" && *feature != "default");
    let wanted: Vec<String> = wanted.map(|(member, feature)| format!("{}/{feature}", member.name)).collect();
    let mut build = project.cargo(&["build", "--quiet", "--workspace", "--lib", "--bins", "--example", "facts"]);
    if !build.arg("--features").arg(wanted.join(",")).status()?.success() {
        bail!("the library could not be built");
    }
    let printed = output(&mut project.command(&project.built("examples/facts").to_string_lossy()))?;
    let facts: Value = serde_json::from_str(&printed).context("what the library says of itself")?;
    error_tables(project, &facts["codes"])?;

    let schema = Schema::read(&facts["schema"])?;
    let (people, reports) = (schema::people(&facts["people"])?, schema::reports(&facts["reports"])?);
    let mut files = vec![
        File::new("bindings-kotlin/src/main/kotlin/voicecore/Config.kt".into(), kotlin::print(&schema)),
        File::new("bindings-kotlin/src/main/kotlin/voicecore/Reports.kt".into(), kotlin::reports(&reports)),
        File::new("bindings-node/ts/config.ts".into(), typescript::print(&schema)),
        File::new("bindings-node/ts/people.ts".into(), typescript::people(&people)),
        File::new("bindings-node/ts/reports.ts".into(), typescript::reports(&reports)),
        File::new("bindings-python/python/voice_core/config.py".into(), python::print(&schema)),
        File::new("bindings-python/python/voice_core/_records.py".into(), python::people(&people)),
        File::new("bindings-python/python/voice_core/_reports.py".into(), python::reports(&reports)),
        File::new("bindings-swift/Sources/VoiceCore/Config.swift".into(), swift::print(&schema)),
        File::new("bindings-swift/Sources/VoiceCore/Reports.swift".into(), swift::reports(&reports)),
        File::new("docs/schema/live-wire.schema.json".into(), serde_json::to_string_pretty(&facts["wire"])? + "\n"),
        File::new("include/voice_core.h".into(), header(project)?),
    ];
    files.extend(blocking::files(project)?);
    files.extend(npm::files(project)?);
    files.extend(native_layers(project)?);
    Ok(files)
}

/// Each language has a name for each code. What it does not know it takes for `INTERNAL_ERROR`.
fn error_tables(project: &Project, codes: &Value) -> Result<()> {
    let codes: Vec<&str> = codes.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for path in ERROR_TABLES {
        let text = fs::read_to_string(project.root.join(path)).with_context(|| format!("cannot read {path}"))?;
        for code in codes.iter().filter(|code| **code != "INTERNAL_ERROR") {
            if !text.contains(&format!("\"{code}\"")) && !text.contains(&format!("'{code}'")) {
                bail!("{path} has no name for the error code {code}");
            }
        }
    }
    Ok(())
}

/// The C header.
fn header(project: &Project) -> Result<String> {
    let folder = project.root.join("bindings-c");
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let mut header = Vec::new();
    cbindgen::Builder::new().with_crate(folder).with_config(config).generate()?.write(&mut header);
    // A type that is renamed to a pointer stands apart from its name.
    Ok(String::from_utf8(header)?.replace("** ", "**"))
}

/// The layers under the Kotlin and Swift packages.
fn native_layers(project: &Project) -> Result<Vec<File>> {
    const PLACES: &[(&str, &str)] = &[
        ("voicecore/ffi/voice_core_uniffi.kt", "bindings-kotlin/src/main/kotlin/voicecore/ffi/Ffi.kt"),
        ("VoiceCoreNative.swift", "bindings-swift/Sources/VoiceCoreNative/VoiceCoreNative.swift"),
        ("VoiceCoreFFI.h", "bindings-swift/Sources/VoiceCoreFFI/include/VoiceCoreFFI.h"),
    ];
    let library = format!("{}voice_core_uniffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let out = project.target.join("xtask/bindgen");
    let mut command = project.command(&project.built("uniffi-bindgen").to_string_lossy());
    command.args(["generate", "--library"]).arg(project.built(&library));
    command.args(["--config", "bindings-uniffi/uniffi.toml", "--language", "kotlin", "--language", "swift"]);
    output(command.args(["--no-format", "--out-dir"]).arg(&out))?;
    let read =
        |from: &str| fs::read_to_string(out.join(Path::new(from))).with_context(|| format!("there is no {from}"));
    PLACES.iter().map(|(from, to)| Ok(File::new((*to).to_owned(), read(from)?))).collect()
}
