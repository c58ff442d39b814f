//! Archives made smaller: the same format, compressed with more patience than the packagers have.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

use anyhow::{Context, Result};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// From 10 on, `zip` looks for the smallest form, this many times less nine.
const PATIENCE: i64 = 14;

/// Packs a wheel anew.
pub fn wheel(path: &Path) -> Result<()> {
    let mut packed = ZipArchive::new(fs::File::open(path)?).context("the wheel cannot be read")?;
    let mut smaller = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..packed.len() {
        let mut file = packed.by_index(index)?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(PATIENCE))
            .last_modified_time(file.last_modified().unwrap_or_default())
            .unix_permissions(file.unix_mode().unwrap_or(0o644));
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        smaller.start_file(file.name(), options)?;
        smaller.write_all(&bytes)?;
    }
    fs::write(path, smaller.finish()?.into_inner())?;
    Ok(())
}

/// Packs an npm package anew.
pub fn npm(path: &Path) -> Result<()> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(path)?).read_to_end(&mut bytes)?;
    let mut smaller = Vec::new();
    zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, bytes.as_slice(), &mut smaller)?;
    fs::write(path, smaller)?;
    Ok(())
}
