//! Reads the table of contents of a container: its items, where their bytes lie, what they refer to, and their
//! properties.

use std::collections::BTreeMap;

use super::References;
use super::bytes::Bytes;
use crate::probe::Format;
use crate::refusal::Refusal;

/// Pieces in which an item may lie.
const MOST_PARTS: u64 = 256;

/// Properties that an item may have.
const MOST_PROPERTIES: usize = 64;

/// Properties that are known here; one that is not, and without which a picture must not be shown, is refused.
const KNOWN: [&[u8; 4]; 12] =
    [b"ispe", b"pixi", b"pasp", b"colr", b"av1C", b"hvcC", b"irot", b"imir", b"clap", b"auxC", b"clli", b"mdcv"];

/// The table of contents of a file.
#[derive(Debug)]
pub(super) struct Meta<'a> {
    file: &'a [u8],
    /// The bytes of items that lie in the table itself.
    inside: &'a [u8],
    format: Format,
    pub(super) primary: Option<u32>,
    items: BTreeMap<u32, Item>,
    references: References,
    properties: Vec<([u8; 4], &'a [u8])>,
}

/// One of the things that are in a file.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: u32,
    pub(super) kind: [u8; 4],
    place: Option<Place>,
    /// Numbers of its properties, and whether it must not be shown without them.
    has: Vec<(usize, bool)>,
}

/// Where the bytes of an item lie.
#[derive(Debug)]
struct Place {
    /// 0: in the file, 1: in the table of contents.
    method: u8,
    /// Offset and length; a length of 0 is all that is left.
    parts: Vec<(u64, u64)>,
}

impl Item {
    /// The bytes of the item, in order.
    pub(super) fn parts<'a>(&self, meta: &Meta<'a>) -> Result<Vec<&'a [u8]>, Refusal> {
        let place = self.place.as_ref().ok_or_else(|| Refusal::damaged(meta.format, "a part of it lies nowhere"))?;
        let source = match place.method {
            0 => meta.file,
            1 => meta.inside,
            _ => return Err(Refusal::unsupported(meta.format, "a part of it is made of others")),
        };
        let truncated = || Refusal::Truncated { format: meta.format };
        let mut all = 0_u64;
        let parts = place.parts.iter().map(|(offset, length)| {
            let rest = usize::try_from(*offset).ok().and_then(|offset| source.get(offset..)).ok_or_else(truncated)?;
            let length = if *length == 0 { rest.len() } else { usize::try_from(*length).map_err(|_| truncated())? };
            all += length as u64;
            rest.get(..length).ok_or_else(truncated)
        });
        let parts: Vec<&'a [u8]> = parts.collect::<Result<_, _>>()?;
        // Nothing is stored twice, so together they are not longer than what they lie in.
        if all > source.len() as u64 { Err(Refusal::damaged(meta.format, "its parts overlap")) } else { Ok(parts) }
    }
}

impl<'a> Meta<'a> {
    pub(super) fn item(&self, id: u32) -> Result<&Item, Refusal> {
        let item = self.items.get(&id).ok_or_else(|| Refusal::damaged(self.format, "a part of it is missing"))?;
        let unknown = item.has.iter().find_map(|(at, essential)| {
            let (kind, _) = self.properties.get(*at).filter(|_| *essential)?;
            (!KNOWN.contains(&kind)).then_some(kind)
        });
        match unknown {
            Some(kind) => {
                let kind = kind.escape_ascii();
                Err(Refusal::unsupported(self.format, format!("it can only be shown by who knows about {kind}")))
            }
            None => Ok(item),
        }
    }

    /// All properties of an item in their order.
    pub(super) fn all_properties(&self, item: &Item) -> impl Iterator<Item = ([u8; 4], &'a [u8])> {
        item.has.iter().filter_map(|(at, _)| self.properties.get(*at).copied())
    }

    /// The properties of one kind.
    pub(super) fn properties(&self, item: &Item, kind: [u8; 4]) -> impl Iterator<Item = &'a [u8]> {
        self.all_properties(item).filter(move |(found, _)| *found == kind).map(|(_, body)| body)
    }

    pub(super) fn property(&self, item: &Item, kind: [u8; 4]) -> Option<&'a [u8]> {
        self.properties(item, kind).next()
    }

    /// The items that this one is put together from.
    pub(super) fn made_of(&self, id: u32) -> &[u32] {
        self.references.get(&(*b"dimg", id)).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn refers(&self, kind: [u8; 4], id: u32) -> bool {
        self.references.contains_key(&(kind, id))
    }

    /// The items that refer to this one.
    fn about(&self, kind: [u8; 4], id: u32) -> impl Iterator<Item = &Item> {
        let from = self.references.iter().filter(move |((found, _), to)| *found == kind && to.contains(&id));
        from.filter_map(|((_, from), _)| self.items.get(from))
    }

    /// The transparency of an item.
    pub(super) fn alpha_of(&self, id: u32) -> Option<&Item> {
        self.about(*b"auxl", id).find(|item| {
            self.property(item, *b"auxC").and_then(|body| body.get(4..)).is_some_and(|name| {
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                name == b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha" || name == b"urn:mpeg:hevc:2015:auxid:1"
            })
        })
    }

    pub(super) fn exif_of(&self, id: u32) -> Option<&Item> {
        self.about(*b"cdsc", id).find(|item| &item.kind == b"Exif")
    }
}

/// Finds the table of contents and reads it.
pub(super) fn read(file: &[u8], format: Format) -> Result<Meta<'_>, Refusal> {
    let mut rest = Bytes(file);
    let mut moves = false;
    while let Some(found) = rest.next_box() {
        match &found.kind {
            b"meta" if found.whole => {
                let unreadable = || Refusal::damaged(format, "its table of contents is not readable");
                return contents(file, found.body, format).ok_or_else(unreadable);
            }
            b"moov" => moves = true,
            _ => {}
        }
        if !found.whole {
            return Err(Refusal::Truncated { format });
        }
    }
    if moves {
        return Err(Refusal::unsupported(format, "it is an animation without a still picture"));
    }
    Err(Refusal::Truncated { format })
}

fn contents<'a>(file: &'a [u8], body: &'a [u8], format: Format) -> Option<Meta<'a>> {
    let mut meta = Meta {
        file,
        inside: &[],
        format,
        primary: None,
        items: BTreeMap::new(),
        references: BTreeMap::new(),
        properties: Vec::new(),
    };
    let mut rest = Bytes(body);
    rest.version()?;
    let (mut places, mut has) = (BTreeMap::new(), BTreeMap::new());
    while !rest.0.is_empty() {
        let found = rest.next_box().filter(|found| found.whole)?;
        let mut body = Bytes(found.body);
        match &found.kind {
            b"pitm" => {
                let (version, _) = body.version()?;
                meta.primary = Some(body.uint(if version == 0 { 2 } else { 4 })? as u32);
            }
            b"iinf" => meta.items = items(body)?,
            b"iloc" => places = locations(body)?,
            b"iref" => meta.references = references(body)?,
            b"iprp" => {
                while !body.0.is_empty() {
                    let found = body.next_box().filter(|found| found.whole)?;
                    match &found.kind {
                        b"ipco" => meta.properties = properties(Bytes(found.body))?,
                        b"ipma" => associations(Bytes(found.body), &mut has)?,
                        _ => {}
                    }
                }
            }
            b"idat" => meta.inside = found.body,
            _ => {}
        }
    }
    for (id, item) in &mut meta.items {
        item.place = places.remove(id);
        item.has = has.remove(id).unwrap_or_default();
    }
    Some(meta)
}

fn items(mut body: Bytes<'_>) -> Option<BTreeMap<u32, Item>> {
    let (version, _) = body.version()?;
    body.uint(if version == 0 { 2 } else { 4 })?;
    let mut items = BTreeMap::new();
    while !body.0.is_empty() {
        let found = body.next_box().filter(|found| found.whole)?;
        let mut entry = Bytes(found.body);
        let (version, _) = entry.version()?;
        // Older ones are of files that hold anything, and have no types.
        if &found.kind != b"infe" || version < 2 {
            continue;
        }
        let id = entry.uint(if version == 2 { 2 } else { 4 })? as u32;
        entry.uint(2)?;
        let kind = *entry.take(4)?.first_chunk::<4>()?;
        items.insert(id, Item { id, kind, place: None, has: Vec::new() });
    }
    Some(items)
}

fn locations(mut body: Bytes<'_>) -> Option<BTreeMap<u32, Place>> {
    let (version, _) = body.version()?;
    let sizes = body.uint(2)? as usize;
    let [offset_size, length_size, base_size, index_size] = [sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15];
    let index_size = if version == 0 { 0 } else { index_size };
    if [offset_size, length_size, base_size, index_size].iter().any(|size| ![0, 4, 8].contains(size)) {
        return None;
    }
    let wide = if version < 2 { 2 } else { 4 };
    let mut places = BTreeMap::new();
    for _ in 0..body.uint(wide)? {
        let id = body.uint(wide)? as u32;
        let method = if version == 0 { 0 } else { body.uint(2)? as u8 & 15 };
        // Where the bytes are in another file, which nobody has.
        let elsewhere = body.uint(2)? != 0;
        let base = body.uint(base_size)?;
        let count = body.uint(2)?;
        if count > MOST_PARTS {
            return None;
        }
        let mut parts = Vec::new();
        for _ in 0..count {
            body.uint(index_size)?;
            let offset = base.checked_add(body.uint(offset_size)?)?;
            parts.push((offset, body.uint(length_size)?));
        }
        if !elsewhere {
            places.insert(id, Place { method, parts });
        }
    }
    Some(places)
}

fn references(mut body: Bytes<'_>) -> Option<References> {
    let (version, _) = body.version()?;
    let wide = if version == 0 { 2 } else { 4 };
    let mut references = References::new();
    while !body.0.is_empty() {
        let found = body.next_box().filter(|found| found.whole)?;
        let mut entry = Bytes(found.body);
        let from = entry.uint(wide)? as u32;
        let count = entry.uint(2)? as usize;
        let to = entry.take(count * wide)?.chunks_exact(wide);
        let to = to.map(|id| id.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)));
        references.entry((found.kind, from)).or_default().extend(to);
    }
    Some(references)
}

fn properties(mut body: Bytes<'_>) -> Option<Vec<([u8; 4], &[u8])>> {
    let mut properties = Vec::new();
    while !body.0.is_empty() {
        let found = body.next_box().filter(|found| found.whole)?;
        properties.push((found.kind, found.body));
    }
    Some(properties)
}

/// Which item has which properties, by their numbers from 1 on.
fn associations(mut body: Bytes<'_>, has: &mut BTreeMap<u32, Vec<(usize, bool)>>) -> Option<()> {
    let (version, flags) = body.version()?;
    for _ in 0..body.uint(4)? {
        let id = body.uint(if version == 0 { 2 } else { 4 })? as u32;
        let count = body.uint(1)?;
        let list = has.entry(id).or_default();
        for _ in 0..count {
            let (essential, number) = if flags & 1 == 0 {
                let byte = body.uint(1)?;
                (byte >> 7 == 1, byte & 0x7F)
            } else {
                let word = body.uint(2)?;
                (word >> 15 == 1, word & 0x7FFF)
            };
            if let Some(number) = (number as usize).checked_sub(1) {
                list.push((number, essential));
            }
            if list.len() > MOST_PROPERTIES {
                return None;
            }
        }
    }
    Some(())
}
