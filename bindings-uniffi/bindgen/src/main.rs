//! Writes the Kotlin and Swift sources of the native layer: see `bindings-uniffi/generate.sh`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
