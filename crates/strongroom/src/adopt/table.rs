//! The table of what shall be adopted, as a database exports it: CSV with a line of names at its top.

use std::io::Read;

use serde_json::{Map, Value};

use super::Row;
use crate::description::Description;

/// The columns that say where something lies; a table has one of them.
const PLACES: [&str; 3] = ["url", "uri", "key"];

/// The columns that say more.
const MORE: [&str; 5] = ["owner", "group", "name", "tags", "metadata"];

/// Why a table cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It is not CSV.
    #[error("the table cannot be read: {0}")]
    Csv(#[from] csv::Error),
    /// Nothing says where things lie.
    #[error("the table needs exactly one of the columns `url`, `uri` and `key` in its first line, which is: {0}")]
    NoPlace(String),
    /// A column means nothing here.
    #[error("the table has the columns {}, which mean nothing here; leave them out, or rename them to one of owner, group, name, tags and metadata", .0.join(", "))]
    Unknown(Vec<String>),
}

/// A row, or why it cannot be one.
pub type TableRow = Result<Row, String>;

/// Reads a whole table.
pub fn read(text: impl Read) -> Result<Vec<TableRow>, TableError> {
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text);
    let names: Vec<String> =
        table.headers()?.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
    let places: Vec<usize> = (0..names.len()).filter(|at| PLACES.contains(&names[*at].as_str())).collect();
    let [place] = places.as_slice() else { return Err(TableError::NoPlace(names.join(","))) };
    let is_known = |name: &String| PLACES.contains(&name.as_str()) || MORE.contains(&name.as_str());
    let unknown: Vec<String> = names.iter().filter(|name| !is_known(name)).map(|name| format!("`{name}`")).collect();
    if !unknown.is_empty() {
        return Err(TableError::Unknown(unknown));
    }
    let rows = table.records().map(|record| {
        let record = record?;
        let cell = |name: &str| {
            let at = names.iter().position(|known| known == name)?;
            record.get(at).map(str::to_owned).filter(|text| !text.is_empty())
        };
        Ok(row(record.get(*place).unwrap_or_default(), &cell))
    });
    rows.collect()
}

fn row(reference: &str, cell: &dyn Fn(&str) -> Option<String>) -> TableRow {
    let metadata: Map<String, Value> = match cell("metadata") {
        Some(text) => serde_json::from_str(&text).map_err(|_| "`metadata` is not a JSON object".to_owned())?,
        None => Map::new(),
    };
    let tags = cell("tags").unwrap_or_default();
    let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    let description = Description {
        owner: cell("owner"),
        group: cell("group"),
        name: cell("name").unwrap_or_default(),
        tags,
        metadata,
    };
    Ok(Row { reference: reference.to_owned(), key: None, description })
}

#[cfg(test)]
mod tests {
    use super::{TableError, read};

    #[test]
    fn a_table_says_what_its_columns_are() {
        let text = "\u{feff}url,owner,tags,metadata\nhttps://b.s3.amazonaws.com/a.png,ann,\"x, y\",\"{\"\"n\"\":1}\"\ns3://b/c,,,\nkey,,,[]\n";
        let rows = read(text.as_bytes()).unwrap();
        let first = rows[0].as_ref().unwrap();
        assert_eq!(first.reference, "https://b.s3.amazonaws.com/a.png");
        assert_eq!(first.description.owner.as_deref(), Some("ann"));
        assert_eq!(first.description.tags, ["x", "y"]);
        assert_eq!(first.description.metadata["n"], 1);
        assert_eq!(rows[1].as_ref().unwrap().description.owner, None);
        assert!(rows[2].is_err());
    }

    #[test]
    fn a_table_that_is_meant_otherwise_is_refused_whole() {
        assert!(matches!(read("owner\nx\n".as_bytes()), Err(TableError::NoPlace(_))));
        assert!(matches!(read("url,key\nx,y\n".as_bytes()), Err(TableError::NoPlace(_))));
        assert!(matches!(read("url,ownr\nx,y\n".as_bytes()), Err(TableError::Unknown(_))));
        assert!(matches!(read("url,owner\nx\n".as_bytes()), Err(TableError::Csv(_))));
        assert!(matches!(read("".as_bytes()), Err(TableError::NoPlace(_))));
    }
}
