//! What is to be known of a telephone call before it is answered.

use serde_json::{Value, json};
use voice_core::{
    Secret,
    telephony::{PhoneCall, Protocol, signature},
    time::Timestamp,
};

use super::{check, undone};
use crate::{ErrorRecord, Outcome, arguments::Arguments};

const METHODS: [(&str, &[&str]); 4] = [
    ("read", &["message", "protocol"]),
    ("verify_twilio", &["auth_token", "url", "params", "signature"]),
    ("verify_plivo", &["auth_token", "url", "params", "nonce", "signature"]),
    ("verify_telnyx", &["public_key", "timestamp", "body", "signature"]),
];

pub(super) fn call(method: &str, arguments: &Arguments) -> Outcome<Value> {
    check("telephony", &METHODS, method, &[], arguments)?;
    let token = || arguments.required("auth_token").map(Secret::new);
    Ok(match method {
        "read" => {
            let protocol = arguments.text("protocol")?.filter(|name| *name != "auto");
            let protocol = protocol.map(str::parse::<Protocol>).transpose()?;
            json!(PhoneCall::read(arguments.required("message")?, protocol)?)
        }
        "verify_twilio" => {
            let (url, signed) = (arguments.required("url")?, arguments.required("signature")?);
            json!(signature::twilio(&token()?, url, &params(arguments)?, signed))
        }
        "verify_plivo" => {
            let (url, signed) = (arguments.required("url")?, arguments.required("signature")?);
            json!(signature::plivo(&token()?, url, &params(arguments)?, arguments.required("nonce")?, signed))
        }
        "verify_telnyx" => {
            let (key, signed) = (arguments.required("public_key")?, arguments.required("signature")?);
            let (at, body) = (arguments.required("timestamp")?, arguments.required("body")?);
            json!(signature::telnyx(key, at, body.as_bytes(), signed, Timestamp::now()))
        }
        other => return Err(undone("telephony", other)),
    })
}

/// The fields of a form: a text for each name, or several.
fn params(arguments: &Arguments) -> Outcome<Vec<(String, String)>> {
    let wrong = || ErrorRecord::invalid("params: expected an object of strings, or of lists of strings");
    let Some(given) = arguments.given("params") else { return Ok(Vec::new()) };
    let mut fields = Vec::new();
    for (name, value) in given.as_object().ok_or_else(wrong)? {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            fields.push((name.clone(), value.as_str().ok_or_else(wrong)?.to_owned()));
        }
    }
    Ok(fields)
}
