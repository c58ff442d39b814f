//! What cargo knows of the workspace.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::project::Project;

/// A crate of the workspace.
pub struct Member {
    pub name: String,
    /// Its folder, relative to the root.
    pub folder: String,
    /// The crates of the workspace that it needs; not those that only its tests need.
    pub uses: Vec<String>,
    pub features: Vec<String>,
}

/// The crates of the workspace, by name.
pub fn members(project: &Project) -> Result<Vec<Member>> {
    let output = project.cargo(&["metadata", "--no-deps", "--format-version", "1"]).output()?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let root = metadata["workspace_root"].as_str().context("cargo metadata names no root")?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut members: Vec<Member> = packages.iter().map(|package| member(package, root)).collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

fn member(package: &Value, root: &str) -> Member {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let manifest = text(&package["manifest_path"]);
    let folder = manifest.trim_start_matches(root).trim_start_matches('/').trim_end_matches("/Cargo.toml");
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = |d: &&Value| d["path"].is_string() && d["kind"].as_str() != Some("dev");
    let features = package["features"].as_object().map(|f| f.keys().cloned().collect()).unwrap_or_default();
    Member {
        name: text(&package["name"]),
        folder: folder.to_owned(),
        uses: dependencies.iter().filter(ours).map(|d| text(&d["name"])).collect(),
        features,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_uses_the_crates_of_the_workspace_but_not_those_of_its_tests() {
        let package = serde_json::json!({
            "name": "bridge", "manifest_path": "/w/a/bridge/Cargo.toml", "features": {"testing": []},
            "dependencies": [
                {"name": "core", "path": "/w/core", "kind": null},
                {"name": "testkit", "path": "/w/testkit", "kind": "dev"},
                {"name": "serde", "kind": null},
            ],
        });
        let member = member(&package, "/w");
        assert_eq!((member.name.as_str(), member.folder.as_str()), ("bridge", "a/bridge"));
        assert_eq!((member.uses, member.features), (vec!["core".to_owned()], vec!["testing".to_owned()]));
    }
}
