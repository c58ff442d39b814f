//! What callers give, held against what is accepted.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};

/// The most items of one page.
const LARGEST_PAGE: usize = 100;
/// The most bytes of a session's metadata, and of an event's data, as JSON.
const LARGEST_METADATA: usize = 64 * 1024;
/// The longest name of a user of the host's, in characters.
const LONGEST_USER: usize = 256;
/// The longest e-mail address, and the longest part before the `@` (RFC 5321, 4.5.3.1).
const LONGEST_EMAIL: usize = 254;
const LONGEST_LOCAL: usize = 64;
/// The longest text to search for, in characters.
const LONGEST_SEARCH: usize = 1_000;

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidField, message)
}

pub(super) fn limit(limit: usize) -> Result<()> {
    if (1..=LARGEST_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(invalid(format!("limit: {limit} is out of range; 1 to {LARGEST_PAGE} is accepted")))
}

pub(super) fn metadata(metadata: &Map<String, Value>) -> Result<()> {
    data("metadata", metadata)
}

/// The host's own data: not too much of it.
pub(super) fn data(field: &str, data: &Map<String, Value>) -> Result<()> {
    let bytes = serde_json::to_string(data).map_or(usize::MAX, |json| json.len());
    if bytes <= LARGEST_METADATA {
        return Ok(());
    }
    Err(invalid(format!("{field}: {bytes} bytes as JSON; at most {LARGEST_METADATA} are accepted")))
}

pub(super) fn user(user: Option<&str>) -> Result<()> {
    user.map_or(Ok(()), |user| name("user", user, 1, LONGEST_USER))
}

/// Something people read in one line.
pub(super) fn name(field: &str, text: &str, least: usize, most: usize) -> Result<()> {
    let characters = text.chars().count();
    if !(least..=most).contains(&characters) {
        return Err(invalid(format!("{field}: {characters} characters; {least} to {most} are accepted")));
    }
    if text.chars().any(char::is_control) || (least > 0 && text.trim().is_empty()) {
        return Err(invalid(format!("{field}: expected something to read, without control characters")));
    }
    Ok(())
}

/// The name of a provider, as in a config.
pub(super) fn provider(text: &str) -> Result<()> {
    let is_right = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(is_right) {
        return Ok(());
    }
    Err(invalid("provider: expected the name of a provider, such as openai"))
}

pub(super) fn search(text: &str) -> Result<()> {
    let characters = text.chars().count();
    if characters > LONGEST_SEARCH {
        return Err(invalid(format!("text: {characters} characters; at most {LONGEST_SEARCH} are accepted")));
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(invalid("text: expected at least one word to search for"));
    }
    Ok(())
}

/// An e-mail address as it is kept: in lower case. The message never repeats it.
pub(super) fn email(text: &str) -> Result<String> {
    let text = text.trim();
    if text.len() > LONGEST_EMAIL {
        return Err(invalid(format!("email: {} bytes; at most {LONGEST_EMAIL} are accepted", text.len())));
    }
    let label_is_right = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let parts_are_right = text.rsplit_once('@').is_some_and(|(local, domain)| {
        (1..=LONGEST_LOCAL).contains(&local.len())
            && !local.chars().any(|c| c.is_whitespace() || c.is_control() || "@\"(),:;<>[\\]".contains(c))
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && domain.contains('.')
            && domain.split('.').all(label_is_right)
    });
    if parts_are_right {
        Ok(text.to_lowercase())
    } else {
        Err(invalid("email: expected an address such as ada@example.org"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_accepted_or_refused_as_people_expect() {
        for good in ["ada@example.org", " Ada.L+tag@Sub.Example.ORG ", "ü@bücher.de", "o'neil@a.ie"] {
            assert_eq!(email(good).unwrap(), good.trim().to_lowercase());
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "bob",
            "bob@",
            "@example.net",
            "bob@example",
            "a b@example.net",
            "a@b@example.net",
            "a@-b.org",
            "a@b..org",
            "a..b@c.org",
            ".a@b.org",
            "a\n@b.org",
            "<a@b.org>",
            &long,
        ] {
            let error = email(bad).unwrap_err();
            assert!(error.message().starts_with("email: "), "{bad:?}");
            assert!(bad.len() < 5 || !error.message().contains(bad), "{bad:?}");
        }
    }
}
