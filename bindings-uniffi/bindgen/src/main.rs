//! Writes the Kotlin and Swift sources of the native layer: started by `cargo xtask gen`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
