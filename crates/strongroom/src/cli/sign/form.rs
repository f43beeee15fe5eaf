//! `strongroom sign post`: a policy under which a browser's form may hand a file in, as fields, as HTML or as a curl line.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::Args;
use serde_json::{Map, Value};
use strongroom_presign::{PostForm, PostPolicy};

use super::curl;
use super::life::Life;
use super::object::refuse_version;
use super::output::{Format, of_target};
use super::place::Place;
use crate::ambient::Clock;
use crate::cli::named::{self, Separator};
use crate::cli::terminal;
use crate::config::size;

/// What a store puts the file's own name in the place of.
const FILENAME: &str = "${filename}";

/// The most that S3 takes in one form: 5 GiB.
const MOST: u64 = 5 * 1024 * 1024 * 1024;

/// A form.
#[derive(Debug, Args)]
pub(in crate::cli) struct Post {
    #[command(flatten)]
    place: Place,
    /// The content type that the form must name
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// The fewest bytes that the file may have
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    min_size: Option<u64>,
    /// The most bytes that the file may have, such as 10MiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_size: Option<u64>,
    /// A field that the form must have with exactly this value; may be repeated
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// A field whose value must begin so, such as Content-Type=image/; may be repeated
    #[arg(long, value_name = "NAME=PREFIX")]
    starts_with: Vec<String>,
    /// The status of success: 200, 201 or 204
    #[arg(long, value_name = "STATUS", value_parser = ["200", "201", "204"])]
    success_status: Option<String>,
    /// Where the browser goes after success
    #[arg(long, value_name = "URL", conflicts_with = "success_status")]
    success_redirect: Option<String>,
    /// The file that the curl line sends
    #[arg(long, value_name = "FILE", requires = "curl")]
    file: Option<PathBuf>,
    /// Print an HTML form
    #[arg(long, conflicts_with_all = ["json", "curl"])]
    html: bool,
    #[command(flatten)]
    life: Life,
    #[command(flatten)]
    format: Format,
}

impl Post {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let target = self.place.find()?;
        refuse_version(&target)?;
        let (policy, open) = self.policy(&target.key)?;
        let validity = self.life.from(&target.signer, Clock::system().now())?;
        let form = target.signer.post(&policy, validity)?;
        let mut out = io::stdout().lock();
        if self.format.json {
            let mut all = of_target(&target, validity);
            all["method"] = "POST".into();
            all["url"] = form.url.as_str().into();
            let fields = form.fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            all["fields"] = fields.collect::<Map<_, _>>().into();
            writeln!(out, "{}", terminal::json(&all))?;
        } else if self.format.curl {
            writeln!(out, "{}", curl::of_form(&form, self.file.as_deref())?)?;
        } else if self.html {
            write!(out, "{}", html(&form, &open))?;
        } else {
            writeln!(out, "{}", form.url)?;
            for (name, value) in &form.fields {
                writeln!(out, "{}", terminal::on_one_line(&format!("{name}={value}")))?;
            }
        }
        Ok(())
    }

    /// The policy, and the names of the fields that the form's user completes.
    fn policy(&self, key: &str) -> anyhow::Result<(PostPolicy, Vec<String>)> {
        let mut policy = match key.strip_suffix(FILENAME) {
            Some(prefix) if !prefix.contains(FILENAME) => PostPolicy::for_prefix(prefix)?,
            None if !key.contains(FILENAME) => PostPolicy::for_key(key)?,
            _ => bail!("`{FILENAME}` can only end the key, and stands elsewhere in `{key}`; move it to the end"),
        };
        if self.min_size.is_some() || self.max_size.is_some() {
            let (least, most) = (self.min_size.unwrap_or(0), self.max_size.unwrap_or(MOST));
            ensure!(
                least <= most,
                "no file has {least} bytes or more and {most} or fewer; write a --min-size below the --max-size"
            );
            policy = policy.content_length(least, most);
        }
        let mut names = Vec::new();
        let mut exact = Vec::new();
        exact.extend(self.content_type.as_ref().map(|content_type| ("Content-Type", content_type.as_str())));
        exact.extend(self.success_status.as_ref().map(|status| ("success_action_status", status.as_str())));
        exact.extend(self.success_redirect.as_ref().map(|url| ("success_action_redirect", url.as_str())));
        for text in &self.fields {
            exact.push(named::split(text, Separator::Equals, "--field")?);
        }
        for (name, value) in exact {
            check(&mut names, name, value)?;
            policy = policy.exact(name, value);
        }
        let mut open = Vec::new();
        for text in &self.starts_with {
            let (name, prefix) = named::split(text, Separator::Equals, "--starts-with")?;
            check(&mut names, name, prefix)?;
            policy = policy.starts_with(name, prefix, prefix);
            open.push(name.to_owned());
        }
        Ok((policy, open))
    }
}

/// Fields that signing sets, and the file itself.
const OWN: [&str; 9] = [
    "bucket",
    "file",
    "key",
    "policy",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
];

fn check(names: &mut Vec<String>, name: &str, value: &str) -> anyhow::Result<()> {
    let lower = name.to_ascii_lowercase();
    ensure!(!OWN.contains(&&*lower), "the field `{name}` is one that signing itself sets; leave it out");
    ensure!(!names.contains(&lower), "the field `{name}` is given twice; leave one of them out");
    ensure!(
        !name.chars().chain(value.chars()).any(char::is_control),
        "the field `{name}` has a control character, which forms do not carry unchanged; leave it out"
    );
    names.push(lower);
    Ok(())
}

/// The form for a page; `open` are the fields that whoever uses it completes.
fn html(form: &PostForm, open: &[String]) -> String {
    let mut html = format!(
        "<form action=\"{}\" method=\"post\" enctype=\"multipart/form-data\" accept-charset=\"utf-8\">\n",
        escape(&form.url)
    );
    for (name, value) in &form.fields {
        let (name, value) = (escape(name), escape(value));
        let _ = if open.iter().any(|open| escape(open) == name) {
            writeln!(html, "  <label>{name} <input name=\"{name}\" value=\"{value}\" required></label>")
        } else {
            writeln!(html, "  <input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
        };
    }
    html.push_str("  <input type=\"file\" name=\"file\" required>\n  <button>Send</button>\n</form>\n");
    html
}

/// Escaped for HTML, and beyond ASCII by numbers, so that the page's own encoding does not matter.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '&' | '<' | '>' | '"' | '\'') || !character.is_ascii() {
            let _ = write!(out, "&#{};", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use strongroom_presign::PostForm;

    use super::html;

    #[test]
    fn nothing_in_a_field_becomes_markup() {
        let fields =
            vec![("key".to_owned(), "a\"><script>é".to_owned()), ("Content-Type".to_owned(), "image/".to_owned())];
        let form = PostForm { url: "https://h/b".to_owned(), fields, expires_at: 0 };
        let html = html(&form, &["Content-Type".to_owned()]);
        assert!(html.contains("value=\"a&#34;&#62;&#60;script&#62;&#233;\">"), "{html}");
        assert!(html.contains("<label>Content-Type <input name=\"Content-Type\" value=\"image/\" required></label>"));
        assert!(html.is_ascii() && html.ends_with("</form>\n"));
    }
}
