//! `--define=NAME=VALUE` at the head of a script: the word stands for the value from there on.

use std::borrow::Cow;

const DEFINE: &str = "--define=";

/// The text with each word that its head defines replaced; lines stay where they are.
pub(crate) fn expand(text: &str) -> Cow<'_, str> {
    let words = text.split_whitespace();
    let definitions: Vec<(&str, &str)> = words
        .filter_map(|word| word.strip_prefix(DEFINE)?.split_once('='))
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    if definitions.is_empty() {
        return Cow::Borrowed(text);
    }
    let lines = text.split_inclusive('\n').map(|line| {
        if line.trim_start().starts_with("--") {
            return line.to_owned();
        }
        replace(line, &definitions)
    });
    Cow::Owned(lines.collect())
}

fn replace(line: &str, definitions: &[(&str, &str)]) -> String {
    let mut replaced = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let known = definitions.iter().rev().find(|(name, _)| *name == word);
        replaced.push_str(known.map_or(word, |(_, value)| value));
        let end = behind.find(is_word).unwrap_or(behind.len());
        let (between, next) = behind.split_at(end);
        replaced.push_str(between);
        rest = next;
    }
    replaced
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_replaced_where_it_stands_alone() {
        let text = "--define=N=1000 --define=M=\"7\"\n+0 read(3, ..., N) = N // NN N_ <M>\n";
        assert_eq!(
            expand(text),
            "--define=N=1000 --define=M=\"7\"\n+0 read(3, ..., 1000) = 1000 // NN N_ <7>\n"
        );
        assert_eq!(expand("+0 close(3) = 0\n"), "+0 close(3) = 0\n");
    }
}
