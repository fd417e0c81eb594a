//! What all reports for people are: one HTML page that needs nothing but itself, in the reader's
//! colours, and fit for paper.

use super::chart::escape;
use core::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// A page with its heading. `style` is what `body` needs beyond the style of all pages; `body` is
/// markup.
pub(crate) fn page(title: &str, style: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n{body}</body>\n</html>\n",
    )
}

/// A row of a table: a name and its value.
pub(crate) fn fact(out: &mut String, name: &str, value: &str) {
    let (name, value) = (escape(name), escape(value));
    // Writing into a string cannot fail.
    let _ = writeln!(out, "<tr><th>{name}</th><td>{value}</td></tr>");
}

/// Fails when a page is not whole markup, asks for anything from elsewhere, or shows what is no
/// number.
#[cfg(test)]
pub(crate) fn check(page: &str) {
    // Every element that is opened is closed, in order; void elements and the doctype apart.
    let mut open: Vec<&str> = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        let name = tag
            .split([' ', '/', '\n'])
            .find(|word| !word.is_empty())
            .unwrap();
        match tag {
            _ if name.starts_with('!') || name == "meta" || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{tag}"),
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for asks in [
        "http", "src=", "href=", "<script", "<link", "@import", "url(",
    ] {
        assert!(!page.contains(asks), "{asks}");
    }
    for number in ["NaN", "inf ", "inf\"", "inf<"] {
        assert!(!page.contains(number), "{number}");
    }
}
