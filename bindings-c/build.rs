//! Gives the shared library the name under which programs look for it.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libvoice_core.so.0");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
