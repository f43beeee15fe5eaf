//! Settings as facts: what a document says, one line for each thing, so that two can be compared whoever wrote them.

use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::events::Event;

/// An element below the outermost one of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// Itself, as it stands in the document.
    pub raw: String,
    /// What it says.
    pub facts: BTreeSet<String>,
}

impl Child {
    /// Its id, where it has one.
    pub fn id(&self) -> &str {
        let id = self.facts.iter().find_map(|fact| fact.strip_prefix("ID=").or_else(|| fact.strip_prefix("Id=")));
        id.unwrap_or_default()
    }
}

/// The name of the outermost element, and what it says: lines such as `Rule/Expiration/Days=8`. What is empty, off or
/// nothing is left out, because some say it and others do not.
pub fn facts(document: &str) -> Option<(String, BTreeSet<String>)> {
    let mut reader = Reader::from_str(document);
    let (mut path, mut found, mut root) = (Vec::new(), BTreeSet::new(), None);
    let mut said = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                said.clear();
                let name = start.local_name().as_ref().to_owned();
                match root {
                    None => root = Some(name),
                    Some(_) => path.push(name),
                }
            }
            Event::Empty(start) if root.is_none() => {
                root = Some(start.local_name().as_ref().to_owned());
            }
            Event::End(_) => {
                if !is_nothing(said.trim()) {
                    found.insert(format!("{}={}", usual(&path.join("/")), said.trim()));
                }
                said.clear();
                path.pop();
            }
            Event::Text(text) => said.push_str(&text),
            // Left as it is written: what is compared was written by the same rules.
            Event::GeneralRef(name) => {
                said.push('&');
                said.push_str(&name);
                said.push(';');
            }
            Event::Eof => return root.map(|root| (root, found)),
            _ => {}
        }
    }
}

/// The elements below the outermost one.
pub fn children(document: &str) -> Vec<Child> {
    let mut reader = Reader::from_str(document);
    let (mut depth, mut begin, mut all) = (0, 0, Vec::new());
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        match reader.read_event() {
            Ok(Event::Start(_)) => {
                if depth == 1 {
                    begin = before;
                }
                depth += 1;
            }
            Ok(Event::End(_)) => {
                depth -= 1;
                let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
                if depth == 1
                    && let Some(raw) = document.get(begin..end)
                    && let Some((name, facts)) = facts(raw)
                {
                    all.push(Child { name, raw: raw.to_owned(), facts });
                }
            }
            Ok(Event::Eof) | Err(_) => return all,
            Ok(_) => {}
        }
    }
}

fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "0" | "false" | "Disabled")
}

/// The older place of a prefix is beside the rule's id, the newer one inside its filter.
fn usual(path: &str) -> &str {
    path.strip_prefix("Filter/").filter(|rest| *rest == "Prefix").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::{children, facts};

    #[test]
    fn what_is_said_in_other_words_is_the_same() {
        let ours = "<Rule><ID>a</ID><Filter><Prefix>m/</Prefix></Filter><Status>Enabled</Status></Rule>";
        let theirs = "<?xml version=\"1.0\"?><Rule xmlns=\"x\"><Status>Enabled</Status><Prefix>m/</Prefix>\
                      <ID>a</ID><Off>false</Off><None></None></Rule>";
        assert_eq!(facts(ours), facts(theirs));
        assert_eq!(facts("no XML"), None);
        let (_, escaped) = facts("<A><B>1 &lt; 2</B></A>").unwrap();
        assert_eq!(escaped.into_iter().collect::<Vec<_>>(), ["B=1 &lt; 2"]);
    }

    #[test]
    fn children_are_taken_as_they_stand() {
        let found = children("<L><Rule><ID>a</ID></Rule><Empty/><Rule x=\"y\"><ID>b</ID></Rule></L>");
        let raws: Vec<_> = found.iter().map(|child| (child.id(), child.raw.as_str())).collect();
        assert_eq!(raws, [("a", "<Rule><ID>a</ID></Rule>"), ("b", "<Rule x=\"y\"><ID>b</ID></Rule>")]);
        assert_eq!(children("<L><Rule>"), []);
    }
}
