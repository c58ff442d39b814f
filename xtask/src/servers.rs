//! The servers that the tests run against and no package brings: built with Go from `tests/servers`, once for each version.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{
    project::Project,
    run::{Show, last_lines, run, shown},
    setup::INSTALL_LIMIT,
};

/// A server: its folder in `tests/servers`, whose `go.mod` pins it, the package that is its program, and build tags.
struct Server {
    name: &'static str,
    folder: &'static str,
    package: &'static str,
    tags: &'static str,
}

const SERVERS: &[Server] = &[
    // Without its SQLite part, which takes as long to build as all the rest: it keeps its documents in PostgreSQL.
    Server { name: "mongodb", folder: "mongodb", package: ".", tags: "ferretdb_no_sqlite" },
    Server { name: "mcp", folder: "mcp", package: ".", tags: "" },
    Server { name: "versitygw", folder: "s3", package: "github.com/versity/versitygw/cmd/versitygw", tags: "" },
];

/// Builds those that are not there yet, and says what there is.
pub fn build(project: &Project) -> Result<String> {
    let made = project.tools().join("servers");
    fs::create_dir_all(&made)?;
    let mut told = Vec::new();
    for server in SERVERS {
        let source = project.root.join("tests/servers").join(server.folder);
        let marker = made.join(format!("{}.from", server.name));
        let from = sources(&source)?;
        let program = made.join(server.name);
        if program.is_file() && fs::read_to_string(&marker).is_ok_and(|built| built == from) {
            told.push(server.name.to_owned());
            continue;
        }
        println!("  building the server {} with Go (once; a few minutes)", server.name);
        let mut command = project.command("go");
        command.current_dir(&source).env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=readonly");
        command.args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags", server.tags, "-o"]);
        command.arg(&program).arg(server.package);
        let log = project.logs().join(format!("server-{}.log", server.name));
        let ran = run(&mut command, &log, INSTALL_LIMIT, Show::Quietly)?;
        if !ran.ok {
            bail!("{}: {}\n{}", shown(&command), ran.ended, last_lines(&ran.output, 40));
        }
        fs::write(&marker, from)?;
        told.push(format!("{} built in {:.0} s", server.name, ran.took.as_secs_f64()));
    }
    Ok(told.join(", "))
}

/// All that a server is built from: the versions and sums of its modules, and the program of our own if it has one.
fn sources(folder: &std::path::Path) -> Result<String> {
    let listed = fs::read_dir(folder).with_context(|| format!("there is no {}", folder.display()))?;
    let mut files: Vec<PathBuf> = listed.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    files.iter().map(|file| Ok(fs::read_to_string(file)?)).collect()
}
