//! Prints what the generated files are made from, as JSON: the schemas of the config document, of the records of people, of reports and
//! of the messages of a live session, and the codes of errors.

fn main() {
    let read = |schema: String| serde_json::from_str::<serde_json::Value>(&schema).unwrap_or_default();
    let (schema, wire) = (read(voice_bridge::config_schema()), read(voice_bridge::wire_schema()));
    let (people, reports) = (read(voice_bridge::people_schema()), read(voice_bridge::reports_schema()));
    let codes: Vec<&str> = voice_bridge::error_codes().into_iter().map(|(code, _)| code).collect();
    #[allow(clippy::print_stdout, reason = "that is what it is for")]
    {
        println!(
            "{}",
            serde_json::json!({ "schema": schema, "people": people, "reports": reports, "wire": wire, "codes": codes })
        );
    }
}
