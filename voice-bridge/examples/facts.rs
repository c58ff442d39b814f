//! Prints what the generated files are made from, as JSON: the schema of the config document and the codes of errors.

fn main() {
    let schema: serde_json::Value = serde_json::from_str(&voice_bridge::config_schema()).unwrap_or_default();
    let codes: Vec<&str> = voice_bridge::error_codes().into_iter().map(|(code, _)| code).collect();
    #[allow(clippy::print_stdout, reason = "that is what it is for")]
    {
        println!("{}", serde_json::json!({ "schema": schema, "codes": codes }));
    }
}
