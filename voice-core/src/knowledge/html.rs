//! HTML made plain: its words as Markdown, headings and lists kept. Takes whatever there is; nothing is run, loaded or followed.

/// Elements whose content nobody reads.
const UNREAD: [&str; 9] = ["head", "script", "style", "noscript", "template", "svg", "iframe", "object", "select"];
/// Elements that stand in paragraphs of their own.
const BLOCKS: [&str; 24] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "dl",
    "fieldset",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "ul",
    "div",
    "details",
    "summary",
    "caption",
];
/// Elements that stand in lines of their own.
const LINES: [&str; 6] = ["br", "dt", "dd", "tr", "option", "figcaption"];

/// The words of a page.
pub(crate) fn plain(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        page.words(&rest[..at]);
        rest = &rest[at..];
        rest = match tag(rest) {
            Some((tag, after)) => page.tag(tag, after),
            None => {
                page.words("<");
                &rest[1..]
            }
        };
    }
    page.words(rest);
    page.text.truncate(page.text.trim_end().len());
    page.text
}

enum Tag<'a> {
    /// The beginning of an element, and whether it says that it is its end as well.
    Begin(&'a str, bool),
    End(&'a str),
    /// A comment, or what only programs read.
    Other,
}

/// The tag that a text begins with, and what is behind it; `None`: it is no tag but a sign.
fn tag(text: &str) -> Option<(Tag<'_>, &str)> {
    let inner = &text[1..];
    if let Some(comment) = inner.strip_prefix("!--") {
        return Some((Tag::Other, comment.split_once("-->").map_or("", |(_, after)| after)));
    }
    let (is_end, named) = inner.strip_prefix('/').map_or((false, inner), |named| (true, named));
    let first = named.chars().next()?;
    if !first.is_ascii_alphabetic() && (is_end || !matches!(first, '!' | '?')) {
        return None;
    }
    let (mut quote, mut end) = (None, named.len());
    for (at, c) in named.char_indices() {
        match (c, quote) {
            ('>', None) => {
                end = at;
                break;
            }
            ('"' | '\'', None) if named[..at].trim_end().ends_with('=') => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    let after = named.get(end + 1..).unwrap_or_default();
    let name_end = named.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(named.len()).min(end);
    let name = &named[..name_end];
    Some((
        if is_end {
            Tag::End(name)
        } else if name.is_empty() {
            Tag::Other
        } else {
            Tag::Begin(name, closes_itself(&named[..end]))
        },
        after,
    ))
}

/// Whether a tag ends with a slash of its own: behind a value without quotes it would be a part of that.
fn closes_itself(tag: &str) -> bool {
    tag.strip_suffix('/').is_some_and(|tag| {
        let last = tag.rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        tag.ends_with(['"', '\'']) || !last.contains('=')
    })
}

#[derive(Default)]
struct Page {
    text: String,
    /// Words were written since the last space.
    spaced: bool,
    /// How deep in `pre`, where every space counts.
    pre: usize,
    /// A cell of this row was written.
    in_row: bool,
}

impl Page {
    fn tag<'a>(&mut self, tag: Tag<'_>, after: &'a str) -> &'a str {
        let (name, begins, closes) = match tag {
            Tag::Begin(name, closes) => (name.to_ascii_lowercase(), true, closes),
            Tag::End(name) => (name.to_ascii_lowercase(), false, false),
            Tag::Other => return after,
        };
        let name = name.as_str();
        if begins && UNREAD.contains(&name) {
            // Of these it is only SVG that HTML lets close itself.
            return if closes && name == "svg" { after } else { behind(name, after) };
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.paragraph();
                if begins {
                    let level = usize::from(name.as_bytes()[1] - b'0');
                    self.text.push_str(&"#".repeat(level));
                    self.text.push(' ');
                    self.spaced = true;
                }
            }
            "li" if begins => {
                self.line();
                self.text.push_str("- ");
                self.spaced = true;
            }
            "td" | "th" if begins => {
                if self.in_row {
                    self.text.push_str(" | ");
                    self.spaced = true;
                }
                self.in_row = true;
            }
            _ if BLOCKS.contains(&name) => {
                self.paragraph();
                if name == "pre" {
                    self.pre = if begins { self.pre + 1 } else { self.pre.saturating_sub(1) };
                }
            }
            _ if LINES.contains(&name) => {
                self.line();
                self.in_row = false;
            }
            _ => {}
        }
        after
    }

    fn words(&mut self, text: &str) {
        let text = decoded(text);
        for c in text.chars() {
            if c == '\0' || c == '\r' {
                continue;
            }
            if self.pre > 0 {
                self.text.push(c);
                self.spaced = c.is_whitespace();
            } else if !c.is_whitespace() {
                self.text.push(c);
                self.spaced = false;
            } else if !self.spaced && !self.text.is_empty() {
                self.text.push(' ');
                self.spaced = true;
            }
        }
    }

    fn line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        let start = self.text.rfind('\n').map_or(0, |at| at + 1);
        let line = &self.text[start..];
        // The mark of an item or a heading that came to nothing.
        if line == "-" || (!line.is_empty() && line.bytes().all(|b| b == b'#')) {
            self.text.truncate(start);
        }
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.spaced = true;
    }

    fn paragraph(&mut self) {
        self.line();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
        self.in_row = false;
    }
}

/// What is behind the end of an element that nobody reads; all of it is unread when there is no end.
fn behind<'a>(name: &str, text: &'a str) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let is_it = rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name));
        if is_it && !rest[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return rest.split_once('>').map_or("", |(_, after)| after);
        }
    }
    ""
}

/// A text with its character references as characters.
fn decoded(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out.into()
}

/// The character that a reference stands for, and how long it is.
fn reference(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|b| b == b';')?;
    let name = &text[1..end];
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => match LATIN.iter().position(|known| *known == name) {
            Some(at) => char::from_u32(160 + u32::try_from(at).ok()?)?,
            None => NAMED.iter().find(|(known, _)| *known == name)?.1,
        },
    };
    Some((c, end + 1))
}

const NAMED: [(&str, char); 22] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("ndash", '–'),
    ("mdash", '—'),
    ("hellip", '…'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("bull", '•'),
    ("euro", '€'),
    ("trade", '™'),
    ("rarr", '→'),
    ("minus", '−'),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
];

/// The characters from U+00A0 to U+00FF.
const LATIN: [&str; 96] = [
    "nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect", "uml", "copy", "ordf", "laquo", "not", "shy",
    "reg", "macr", "deg", "plusmn", "sup2", "sup3", "acute", "micro", "para", "middot", "cedil", "sup1", "ordm",
    "raquo", "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig",
    "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml", "Igrave", "Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve",
    "Oacute", "Ocirc", "Otilde", "Ouml", "times", "Oslash", "Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute", "THORN",
    "szlig", "agrave", "aacute", "acirc", "atilde", "auml", "aring", "aelig", "ccedil", "egrave", "eacute", "ecirc",
    "euml", "igrave", "iacute", "icirc", "iuml", "eth", "ntilde", "ograve", "oacute", "ocirc", "otilde", "ouml",
    "divide", "oslash", "ugrave", "uacute", "ucirc", "uuml", "yacute", "thorn", "yuml",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_becomes_text_with_its_headings_lists_and_tables() {
        let page = r#"<!DOCTYPE html><html><head><title>No</title><style>p > a { }</style></head>
            <body><!-- <p>hidden</p> --><h1>Our <em>bread</em></h1><p>We   bake
            daily.<br>Even on Sundays&nbsp;&ndash; caf&eacute; &amp; all.</p>
            <script>if (a < b) document.write("</p>")</script>
            <ul><li>Rye<li>Spelt</li><li></li></ul><h2></h2>
            <table><tr><th>Loaf</th><th>Price</th></tr><tr><td>Rye</td><td>4,50&#8364;</td></tr></table>
            <a href="x>y" title='>'>More</a> 1 < 2 &unknown; &#x41;</body></html>"#;
        let expected = "# Our bread\n\nWe bake daily.\nEven on Sundays – café & all.\n\n- Rye\n- Spelt\n\n\
                        Loaf | Price\nRye | 4,50€\n\nMore 1 < 2 &unknown; A";
        assert_eq!(plain(page), expected);
    }

    #[test]
    fn what_is_written_as_it_looks_stays_so() {
        assert_eq!(plain("a<pre>one\n  two</pre>b"), "a\n\none\n  two\n\nb");
        assert_eq!(plain("no tags, 2 > 1, <3"), "no tags, 2 > 1, <3");
    }

    #[test]
    fn what_is_not_closed_costs_no_words_before_it() {
        assert_eq!(plain("<p>Rye<script>never closed </p>"), "Rye");
        assert_eq!(plain("Rye<a href=\"never closed"), "Rye");
        assert_eq!(plain("Rye<!-- never closed"), "Rye");
        assert_eq!(plain("Rye<"), "Rye<");
    }

    #[test]
    fn a_drawing_that_closes_itself_costs_no_words_behind_it() {
        assert_eq!(plain("Rye<svg/> and <SVG class=\"i\" hidden /> spelt"), "Rye and spelt");
        assert_eq!(plain("Rye<svg width=10/>no</svg> and <script src=\"a\"/>no</script>spelt"), "Rye and spelt");
    }

    proptest! {
        #[test]
        fn any_page_is_taken(
            parts in prop::collection::vec("<[a-z]{1,6}|</[a-z1-6]{1,6}>|<script>|<!--|-->|[\"'=>&;#<]|&[a-z]{1,6};|\\PC{1,6}", 0..60),
        ) {
            let _plain = plain(&parts.concat());
        }
    }
}
