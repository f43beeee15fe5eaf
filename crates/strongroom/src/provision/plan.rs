//! Compares what is with what should be, and decides what to do about one setting.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::wanted::Want;
use crate::storage::{Child, Setting, children, facts};

/// What our rules' ids begin with. Others' rules are left alone.
const OURS: &str = "strongroom";

/// What goes and what comes, each in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What goes.
    #[serde(rename = "is", skip_serializing_if = "Vec::is_empty")]
    pub minus: Vec<String>,
    /// What comes.
    #[serde(rename = "should", skip_serializing_if = "Vec::is_empty")]
    pub plus: Vec<String>,
}

/// What to do about a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    Right,
    /// It stays; why.
    Stricter(String),
    Change {
        change: Change,
        /// The documents to try, the best first; none stands for no setting at all.
        documents: Vec<Option<String>>,
    },
}

type Facts = BTreeSet<String>;

pub(super) fn decide(setting: Setting, is: &str, want: &Want, allow_loosen: bool) -> Decision {
    match want {
        Want::Value(inside) => value(setting, is, inside, allow_loosen),
        Want::Rules { head, own } => rules(setting, is, (head, own), allow_loosen),
    }
}

fn said(document: &str) -> Facts {
    facts(document).map(|(_, facts)| facts).unwrap_or_default()
}

fn value(setting: Setting, is: &str, inside: &str, allow_loosen: bool) -> Decision {
    let mut document = setting.document(inside);
    let (is, mut should) = (said(is), said(&document));
    if let Some(note) = stricter(setting, &is, &should).filter(|_| !allow_loosen) {
        return Decision::Stricter(note);
    }
    if setting == Setting::PublicAccess {
        // What is blocked already stays so.
        let more: Vec<String> = is.difference(&should).cloned().collect();
        for fact in more {
            let name = fact.trim_end_matches("=true");
            document = document.replace(&format!("<{name}>false<"), &format!("<{name}>true<"));
            should.insert(fact);
        }
    }
    if should.is_subset(&is) {
        return Decision::Right;
    }
    let name_of = |fact: &str| fact.split('=').next().unwrap_or_default().to_owned();
    let named: BTreeSet<_> = should.iter().map(|fact| name_of(fact)).collect();
    let minus = is.difference(&should).filter(|fact| named.contains(&name_of(fact))).cloned().collect();
    let plus = should.difference(&is).cloned().collect();
    Decision::Change { change: Change { minus, plus }, documents: vec![Some(document)] }
}

/// In words, if what is protects better than what should be.
fn stricter(setting: Setting, is: &Facts, should: &Facts) -> Option<String> {
    let (has, wants) = (
        |fact: &str| is.iter().any(|own| own.ends_with(fact)),
        |fact: &str| should.iter().any(|own| own.ends_with(fact)),
    );
    match setting {
        Setting::Encryption if wants("SSEAlgorithm=AES256") && (has("=aws:kms") || has("=aws:kms:dsse")) => {
            Some("it is encrypted with a key of the key service, which is stricter than sse-s3".to_owned())
        }
        Setting::Versioning if wants("Status=Suspended") && has("Status=Enabled") => {
            Some("it keeps earlier versions, and would not any more".to_owned())
        }
        // What was never on needs no switching off.
        _ => None,
    }
}

fn rules(setting: Setting, is: &str, (head, own): (&str, &[String]), allow_loosen: bool) -> Decision {
    let present = children(is);
    let (ours, others): (Vec<&Child>, Vec<&Child>) = present.iter().partition(|child| child.id().starts_with(OURS));
    let others: Vec<&str> = others
        .into_iter()
        .filter(|child| head.is_empty() || child.name != "Role")
        .map(|child| child.raw.as_str())
        .collect();
    let mut change = Change::default();
    let (mut kept, mut notes) = (Vec::new(), Vec::new());
    for rule in own {
        let wanted = said(rule);
        let id = id(&wanted);
        let now = ours.iter().find(|child| child.id() == id);
        match now {
            Some(now) if now.facts == wanted => kept.push(now.raw.clone()),
            Some(now) if !allow_loosen && is_sooner(&now.facts, &wanted) => {
                notes.push(format!("{id} comes sooner than it has to"));
                kept.push(now.raw.clone());
            }
            now => {
                let none = Facts::new();
                let old = now.map_or(&none, |now| &now.facts);
                change.minus.extend(old.difference(&wanted).map(|fact| format!("{id}: {fact}")));
                change.plus.extend(wanted.difference(old).map(|fact| format!("{id}: {fact}")));
                kept.push(rule.clone());
            }
        }
    }
    let wanted: BTreeSet<String> = own.iter().map(|rule| id(&said(rule))).collect();
    for gone in ours.iter().filter(|child| !wanted.contains(child.id())) {
        change.minus.push(format!("{}: the whole rule", gone.id()));
    }
    if let Some(role) = said(&setting.document(head)).into_iter().find(|fact| !said(is).contains(fact)) {
        change.plus.push(role);
    }
    if change == Change::default() {
        return if notes.is_empty() { Decision::Right } else { Decision::Stricter(notes.join("; ")) };
    }
    let document = |own: &[String]| {
        let all = others.concat() + &own.concat();
        (!all.is_empty()).then(|| setting.document(&format!("{head}{all}")))
    };
    // A storage that lacks one thing refuses the document with it: then without that rule, and at last only the first.
    let mut documents = vec![document(&kept)];
    for left_out in (1..kept.len()).rev() {
        let mut fewer = kept.clone();
        fewer.remove(left_out);
        documents.push(document(&fewer));
    }
    if kept.len() > 2 {
        documents.extend((1..kept.len() - 1).rev().map(|count| document(&kept[..count])));
    }
    Decision::Change { change, documents }
}

fn id(facts: &Facts) -> String {
    let id = facts.iter().find_map(|fact| fact.strip_prefix("ID=").or_else(|| fact.strip_prefix("Id=")));
    id.unwrap_or_default().to_owned()
}

/// Whether two rules differ in nothing but the days, and the first has fewer.
fn is_sooner(is: &Facts, should: &Facts) -> bool {
    let split = |facts: &Facts| -> BTreeMap<String, String> {
        facts.iter().filter_map(|fact| fact.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
    };
    let (is, should) = (split(is), split(should));
    is.len() == should.len()
        && is.iter().all(|(name, value)| {
            let Some(wanted) = should.get(name) else { return false };
            let days = |text: &str| text.parse::<u32>().ok().filter(|_| name.contains("Days"));
            value == wanted || matches!((days(value), days(wanted)), (Some(is), Some(should)) if is < should)
        })
}

#[cfg(test)]
mod tests {
    use super::{Change, Decision, decide};
    use crate::provision::wanted::Want;
    use crate::storage::Setting;

    const KMS: &str = "<X><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
                       </ApplyServerSideEncryptionByDefault></Rule></X>";

    fn expiry(id: &str, days: u32) -> String {
        format!("<Rule><ID>{id}</ID><Status>Enabled</Status><Expiration><Days>{days}</Days></Expiration></Rule>")
    }

    fn rules(own: &[String]) -> Want {
        Want::Rules { head: String::new(), own: own.to_vec() }
    }

    #[test]
    fn what_is_stricter_stays_unless_loosening_is_allowed() {
        let plain = Want::Value(KMS.replace("aws:kms", "AES256").replace("<X>", "").replace("</X>", ""));
        assert!(matches!(decide(Setting::Encryption, KMS, &plain, false), Decision::Stricter(_)));
        assert!(matches!(decide(Setting::Encryption, KMS, &plain, true), Decision::Change { .. }));
        let sooner = format!("<L>{}</L>", expiry("strongroom-a", 3));
        let want = rules(&[expiry("strongroom-a", 8)]);
        assert!(matches!(decide(Setting::Lifecycle, &sooner, &want, false), Decision::Stricter(_)));
        assert!(matches!(decide(Setting::Lifecycle, &sooner, &want, true), Decision::Change { .. }));
    }

    #[test]
    fn rules_of_others_stay_as_they_stand() {
        let theirs = "<Rule x=\"1\"><ID>theirs</ID><Odd/></Rule>";
        let is = format!("<L>{theirs}{}{}</L>", expiry("strongroom-a", 9), expiry("strongroom-old", 1));
        let Decision::Change { change, documents } =
            decide(Setting::Lifecycle, &is, &rules(&[expiry("strongroom-a", 8)]), false)
        else {
            panic!("nothing changes")
        };
        let expected = Change {
            minus: vec!["strongroom-a: Expiration/Days=9".to_owned(), "strongroom-old: the whole rule".to_owned()],
            plus: vec!["strongroom-a: Expiration/Days=8".to_owned()],
        };
        assert_eq!(change, expected);
        let document = documents[0].clone().unwrap();
        assert!(document.contains(theirs) && !document.contains("strongroom-old"), "{document}");
        assert_eq!(decide(Setting::Lifecycle, &document, &rules(&[expiry("strongroom-a", 8)]), false), Decision::Right);
    }

    #[test]
    fn without_any_rule_the_setting_goes() {
        let is = format!("<L>{}</L>", expiry("strongroom-a", 9));
        let Decision::Change { documents, .. } = decide(Setting::Lifecycle, &is, &rules(&[]), false) else {
            panic!("nothing changes")
        };
        assert_eq!(documents, [None]);
        assert_eq!(decide(Setting::Cors, "", &rules(&[]), false), Decision::Right);
    }

    #[test]
    fn what_is_blocked_stays_blocked() {
        let is = "<P><BlockPublicAcls>true</BlockPublicAcls></P>";
        let want =
            Want::Value("<BlockPublicAcls>false</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>".to_owned());
        let Decision::Change { documents, .. } = decide(Setting::PublicAccess, is, &want, false) else {
            panic!("nothing changes")
        };
        assert!(documents[0].as_ref().unwrap().contains("<BlockPublicAcls>true<"), "{documents:?}");
    }
}
