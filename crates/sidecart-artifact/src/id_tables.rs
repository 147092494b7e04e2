use sidecart_core::{IdTable, TextTable};

use crate::{Container, ContainerWriter, Error};

/// Adds outside ids under a prefix: `<prefix>.ints` (i64), or `<prefix>.offsets` (u64) and
/// `<prefix>.bytes` (u8) for texts.
///
/// # Errors
/// [`Error::Unwritable`] when the ids do not rise strictly, and as [`ContainerWriter::add`].
pub fn write_id_table<'a>(writer: &mut ContainerWriter<'a>, prefix: &str, ids: &'a IdTable) -> Result<(), Error> {
    ids.check().map_err(|e| Error::unwritable(prefix, e.to_string()))?;
    match ids {
        IdTable::Int(ids) => writer.add(&format!("{prefix}.ints"), ids, &[ids.len()]),
        IdTable::Text(texts) => write_texts(writer, prefix, texts),
    }
}

/// Reads outside ids that [`write_id_table`] wrote, checking offsets, UTF-8 and order. O(bytes).
///
/// # Errors
/// [`Error::Missing`], [`Error::Dtype`], [`Error::Shape`], [`Error::Ids`], or [`Error::Duplicate`]
/// when both forms are there.
pub fn read_id_table(container: &Container, prefix: &str) -> Result<IdTable, Error> {
    let ints = format!("{prefix}.ints");
    let has_texts = container.contains(&format!("{prefix}.offsets"));
    let ids = match (container.contains(&ints), has_texts) {
        (true, true) => return Err(Error::Duplicate { path: container.path().to_owned(), section: prefix.into() }),
        (_, true) => IdTable::Text(read_texts(container, prefix)?),
        (_, false) => {
            let section = container.section::<i64>(&ints)?;
            let section = container.vector::<i64>(&ints, section.rows())?;
            IdTable::Int(container.get(&section).to_vec())
        }
    };
    ids.check().map_err(|source| Error::Ids { path: container.path().to_owned(), section: prefix.into(), source })?;
    Ok(ids)
}

/// Adds texts under a prefix: `<prefix>.offsets` (u64, one more than texts) and `<prefix>.bytes`
/// (u8).
///
/// # Errors
/// As [`ContainerWriter::add`].
pub fn write_texts<'a>(writer: &mut ContainerWriter<'a>, prefix: &str, texts: &'a TextTable) -> Result<(), Error> {
    let (offsets, bytes) = texts.parts();
    writer.add(&format!("{prefix}.offsets"), offsets, &[offsets.len()])?;
    writer.add(&format!("{prefix}.bytes"), bytes, &[bytes.len()])
}

/// Reads texts that [`write_texts`] wrote, checking every offset and the UTF-8. O(bytes).
///
/// # Errors
/// [`Error::Missing`], [`Error::Dtype`], [`Error::Shape`] or [`Error::Ids`].
pub fn read_texts(container: &Container, prefix: &str) -> Result<TextTable, Error> {
    let [offsets, bytes] = [format!("{prefix}.offsets"), format!("{prefix}.bytes")];
    let n_offsets = container.section::<u64>(&offsets)?.rows();
    let n_bytes = container.section::<u8>(&bytes)?.rows();
    let offsets = container.get(&container.vector::<u64>(&offsets, n_offsets)?).to_vec();
    let bytes = container.get(&container.vector::<u8>(&bytes, n_bytes)?).to_vec();
    TextTable::from_parts(offsets, bytes).map_err(|source| Error::Ids {
        path: container.path().to_owned(),
        section: prefix.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn through_a_file(write: impl FnOnce(&mut ContainerWriter<'_>)) -> Container {
        let mut writer = ContainerWriter::new();
        write(&mut writer);
        Container::from_bytes("t", &writer.to_bytes().unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn tables_come_back(ints in proptest::collection::vec(any::<i64>(), 0..30), texts in proptest::collection::vec("\\PC{0,5}", 0..30)) {
            for ids in [IdTable::from_ints(ints), IdTable::from_texts(&texts)] {
                let mut writer = ContainerWriter::new();
                write_id_table(&mut writer, "items", &ids).unwrap();
                let container = Container::from_bytes("t", &writer.to_bytes().unwrap()).unwrap();
                prop_assert_eq!(read_id_table(&container, "items").unwrap(), ids);
            }
            let names: TextTable = texts.iter().collect();
            let mut writer = ContainerWriter::new();
            write_texts(&mut writer, "names", &names).unwrap();
            let container = Container::from_bytes("t", &writer.to_bytes().unwrap()).unwrap();
            prop_assert_eq!(read_texts(&container, "names").unwrap(), names);
        }
    }

    #[test]
    fn broken_tables_are_errors() {
        let mut writer = ContainerWriter::new();
        let falling = IdTable::Int(vec![2, 1]);
        assert!(matches!(write_id_table(&mut writer, "a", &falling), Err(Error::Unwritable { .. })));

        let falling = through_a_file(|w| w.add_owned("a.ints", vec![2i64, 1], &[2]).unwrap());
        assert!(matches!(read_id_table(&falling, "a"), Err(Error::Ids { .. })));
        assert!(matches!(read_id_table(&falling, "b"), Err(Error::Missing { .. })));

        let square = through_a_file(|w| w.add_owned("a.ints", vec![1i64, 2], &[1, 2]).unwrap());
        assert!(matches!(read_id_table(&square, "a"), Err(Error::Shape { .. })));

        let both = through_a_file(|w| {
            w.add_owned("a.ints", vec![1i64], &[1]).unwrap();
            w.add_owned("a.offsets", vec![0u64], &[1]).unwrap();
        });
        assert!(matches!(read_id_table(&both, "a"), Err(Error::Duplicate { .. })));

        for offsets in [vec![0u64, 9], vec![0, 2, 1, 2], vec![]] {
            let texts = through_a_file(|w| {
                let n = offsets.len();
                w.add_owned("a.offsets", offsets, &[n]).unwrap();
                w.add_owned("a.bytes", b"ab".to_vec(), &[2]).unwrap();
            });
            assert!(matches!(read_texts(&texts, "a"), Err(Error::Ids { .. })));
        }
    }
}
