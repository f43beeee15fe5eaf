//! Reads Markdown just well enough for the rules: headings, links, inline code and fenced blocks with their lines.

/// What one document says, taken apart.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The anchors of its headings.
    pub(super) anchors: Vec<String>,
    /// The targets of its links, with their lines.
    pub(super) links: Vec<(usize, String)>,
    /// The texts between backticks, with their lines.
    pub(super) inline: Vec<(usize, String)>,
    /// The fenced blocks.
    pub(super) blocks: Vec<Block>,
}

/// A fenced block of code.
#[derive(Debug)]
pub(super) struct Block {
    /// The line of its first line of code.
    pub(super) line: usize,
    /// The word behind the fence.
    pub(super) language: String,
    /// What stands between the fences.
    pub(super) text: String,
}

/// Takes a document apart.
pub(super) fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        if let Some(language) = trimmed.strip_prefix("```") {
            if let Some(block) = open.take() {
                document.blocks.push(block);
            } else {
                let language = language.split_whitespace().next().unwrap_or("").to_owned();
                open = Some(Block { line: number + 2, language, text: String::new() });
            }
        } else if let Some(block) = &mut open {
            block.text.push_str(line);
            block.text.push('\n');
        } else {
            if trimmed.starts_with('#') {
                document.anchors.push(anchor(trimmed.trim_start_matches('#')));
            }
            document.inline.extend(between_backticks(line).into_iter().map(|code| (number + 1, code)));
            document.links.extend(link_targets(line).into_iter().map(|target| (number + 1, target)));
        }
    }
    document
}

/// The anchor that a heading gets from the usual renderers.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            _ if character.is_alphanumeric() => Some(character),
            _ => None,
        })
        .collect()
}

fn between_backticks(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).filter(|code| !code.is_empty()).map(str::to_owned).collect()
}

fn link_targets(line: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        if let Some(end) = rest.find(')') {
            targets.push(rest[..end].split_whitespace().next().unwrap_or("").to_owned());
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_document_is_taken_apart() {
        let document = read(
            "# Who may: rules\n\nSee [this](docs/a.md#b \"t\") and `x y`.\n\n```sh\n# no heading\ncargo run\n```\n`z`\n",
        );
        assert_eq!(document.anchors, ["who-may-rules"]);
        assert_eq!(document.links, [(3, "docs/a.md#b".to_owned())]);
        assert_eq!(document.inline, [(3, "x y".to_owned()), (9, "z".to_owned())]);
        assert_eq!(document.blocks.len(), 1);
        assert_eq!(
            (document.blocks[0].line, document.blocks[0].language.as_str(), document.blocks[0].text.as_str()),
            (6, "sh", "# no heading\ncargo run\n")
        );
    }
}
