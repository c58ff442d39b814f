//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace and its target folder.
pub struct Project {
    pub root: PathBuf,
    pub target: PathBuf,
}

impl Project {
    pub fn here() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|v| !v.is_empty()) {
            Some(target) => root.join(target),
            None => root.join("target"),
        };
        Self { root, target }
    }

    /// A command that starts in the root. What the project's own tools installed comes first on its path.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        let mut paths = vec![self.tools().join("bin")];
        paths.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        if let Ok(joined) = env::join_paths(paths) {
            command.env("PATH", joined);
        }
        command
    }

    /// A program that is part of the project, at a path from the root.
    pub fn script(&self, path: &str) -> Command {
        self.command(&self.root.join(path).to_string_lossy())
    }

    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo");
        // Build scripts that watch the variables with which cargo started this program would run again.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST")) {
                command.env_remove(name);
            }
        }
        command.args(arguments);
        command
    }

    /// A program of the workspace, in the dev profile.
    pub fn built(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// Where tools and Python environments of the project are kept.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Where the output of steps is kept.
    pub fn logs(&self) -> PathBuf {
        self.target.join("xtask")
    }
}
