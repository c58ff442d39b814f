//! The header in `include/` is what the sources say.

use std::{env, fs, path::Path};

#[test]
fn the_committed_header_is_what_the_sources_say() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).unwrap();
    let mut header = Vec::new();
    cbindgen::Builder::new().with_crate(here).with_config(config).generate().unwrap().write(&mut header);
    let header = String::from_utf8(header).unwrap();
    let file = here.join("../include/voice_core.h");
    if env::var_os("VOICE_CORE_WRITE_HEADER").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &header).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == header,
        "include/voice_core.h is out of date: run VOICE_CORE_WRITE_HEADER=1 cargo test -p voice-core-c --test header"
    );
}
