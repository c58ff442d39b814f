//! The npm packages of each platform, as `@napi-rs/cli` lays them out.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::File;
use crate::project::Project;

/// A Rust target in npm's words.
struct Platform {
    os: &'static str,
    cpu: &'static str,
    abi: Option<&'static str>,
}

impl Platform {
    fn of(target: &str) -> Result<Self> {
        let words: Vec<&str> = target.split('-').collect();
        let cpu = match words[0] {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => bail!("{target}: npm's word for {other} is not known"),
        };
        let (os, abi) = match words[1..] {
            ["apple", "darwin"] => ("darwin", None),
            ["pc", "windows", "msvc"] => ("win32", Some("msvc")),
            ["unknown", "linux", "gnu"] => ("linux", Some("gnu")),
            ["unknown", "linux", "musl"] => ("linux", Some("musl")),
            _ => bail!("{target}: npm's words for it are not known"),
        };
        Ok(Self { os, cpu, abi })
    }

    fn name(&self) -> String {
        [Some(self.os), Some(self.cpu), self.abi].into_iter().flatten().collect::<Vec<_>>().join("-")
    }

    fn libc(&self) -> Option<&'static str> {
        (self.os == "linux").then(|| if self.abi == Some("musl") { "musl" } else { "glibc" })
    }
}

pub fn files(project: &Project) -> Result<Vec<File>> {
    let text = fs::read_to_string(project.root.join("bindings-node/package.json"))?;
    let main: Value = serde_json::from_str(&text)?;
    let targets = main["napi"]["targets"].as_array().context("package.json names no napi.targets")?;
    let mut files = Vec::new();
    for target in targets.iter().filter_map(Value::as_str) {
        let platform = Platform::of(target)?;
        let (name, platform_name) = (main["name"].as_str().unwrap_or_default(), platform.name());
        let addon = format!("{}.{platform_name}.node", main["napi"]["binaryName"].as_str().unwrap_or_default());
        let mut manifest = json!({
            "name": format!("{name}-{platform_name}"),
            "version": main["version"],
            "description": format!("The native addon of {name} for {target}."),
            "license": main["license"],
            "repository": main["repository"],
            "engines": main["engines"],
            "os": [platform.os],
            "cpu": [platform.cpu],
        });
        if let Some(libc) = platform.libc() {
            manifest["libc"] = json!([libc]);
        }
        manifest["main"] = json!(addon);
        manifest["files"] = json!([addon]);
        let folder = format!("bindings-node/npm/{platform_name}");
        let readme = format!("# {}\n\n{}\n", text_of(&manifest["name"]), text_of(&manifest["description"]));
        files.push(File::new(format!("{folder}/package.json"), serde_json::to_string_pretty(&manifest)? + "\n"));
        files.push(File::new(format!("{folder}/README.md"), readme));
    }
    Ok(files)
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named_as_npm_does() {
        let named = |target| Platform::of(target).map(|p| (p.name(), p.libc())).ok();
        assert_eq!(named("x86_64-unknown-linux-gnu"), Some(("linux-x64-gnu".into(), Some("glibc"))));
        assert_eq!(named("aarch64-unknown-linux-musl"), Some(("linux-arm64-musl".into(), Some("musl"))));
        assert_eq!(named("aarch64-apple-darwin"), Some(("darwin-arm64".into(), None)));
        assert_eq!(named("x86_64-pc-windows-msvc"), Some(("win32-x64-msvc".into(), None)));
        assert_eq!(named("riscv64-unknown-linux-gnu"), None);
    }
}
