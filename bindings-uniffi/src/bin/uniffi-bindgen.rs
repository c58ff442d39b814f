//! Writes the Kotlin and Swift sources of the native layer: see `generate.sh`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
