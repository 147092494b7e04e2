use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::Value;

use super::element::Elements;
use super::header::{MAX_HEADER_BYTES, MAX_TENSORS, METADATA, is_tensor_name};
use super::{ALIGNMENT, Dtype, Element};
use crate::Error;

/// Collects tensors and writes them as one safetensors file.
///
/// Slices are borrowed until the file is written. Equal tensors give equal bytes in whatever
/// order they were added: the file holds the widest element types first, then sorts by name.
///
/// ```
/// use sidecart_artifact::{Container, ContainerWriter};
///
/// let weights = vec![0.5f32, -1.0, 2.0, 0.25];
/// let mut writer = ContainerWriter::new();
/// writer.add("weights", &weights, &[2, 2]).unwrap();
/// writer.add_owned("counts", vec![3u64, 9], &[2]).unwrap();
/// writer.metadata("about", "an example").unwrap();
///
/// let container = Container::from_bytes("example", &writer.to_bytes().unwrap()).unwrap();
/// let weights = container.matrix::<f32>("weights", 2, 2).unwrap();
/// assert_eq!(container.row(&weights, 1), [2.0, 0.25]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ContainerWriter<'a> {
    tensors: BTreeMap<String, Tensor<'a>>,
    metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Tensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    elements: Elements<'a>,
}

impl<'a> ContainerWriter<'a> {
    /// A writer without tensors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor of one or two dimensions, rows first. In floats, -0.0 becomes 0.0.
    ///
    /// # Errors
    /// [`Error::Unwritable`]: a name that is empty, too long, not visible ASCII or taken; a shape
    /// that does not hold the elements; a float that is NaN or infinite; too many tensors.
    pub fn add<T: Element>(&mut self, name: &str, values: &'a [T], shape: &[usize]) -> Result<(), Error> {
        self.insert(name, Cow::Borrowed(values), shape)
    }

    /// [`add`](Self::add) for elements that the writer keeps itself.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_owned<T: Element>(&mut self, name: &str, values: Vec<T>, shape: &[usize]) -> Result<(), Error> {
        self.insert(name, Cow::Owned(values), shape)
    }

    fn insert<T: Element>(&mut self, name: &str, values: Cow<'a, [T]>, shape: &[usize]) -> Result<(), Error> {
        if !is_tensor_name(name) {
            return Err(Error::unwritable(name, "a tensor name is 1 to 200 visible ASCII characters"));
        }
        if self.tensors.contains_key(name) {
            return Err(Error::unwritable(name, "a tensor of this name was added before"));
        }
        if self.tensors.len() == MAX_TENSORS {
            return Err(Error::unwritable(name, format!("a container holds at most {MAX_TENSORS} tensors")));
        }
        let holds = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if !(1..=2).contains(&shape.len()) || holds != Some(values.len()) {
            let reason = format!("shape {shape:?} does not hold {} elements in 1 or 2 dimensions", values.len());
            return Err(Error::unwritable(name, reason));
        }
        let mut elements = T::erase(values);
        elements.normalise().map_err(|(position, got)| {
            Error::unwritable(name, format!("it holds {got} at position {position}, expected finite numbers"))
        })?;
        self.tensors.insert(name.into(), Tensor { dtype: T::DTYPE, shape: shape.to_vec(), elements });
        Ok(())
    }

    /// Adds a text about the file.
    ///
    /// # Errors
    /// [`Error::Unwritable`] when the key is taken.
    pub fn metadata(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match self.metadata.insert(key.into(), value.into()) {
            None => Ok(()),
            Some(_) => Err(Error::unwritable(key, "metadata of this key was added before")),
        }
    }

    /// Bytes of the file.
    ///
    /// # Errors
    /// [`Error::Unwritable`] when names and metadata exceed the header's limit.
    pub fn total_bytes(&self) -> Result<u64, Error> {
        let data: u64 = self.tensors.values().map(|t| t.elements.bytes().len() as u64).sum();
        Ok(self.header()?.len() as u64 + data)
    }

    /// Writes the file without a buffer in between: a few small writes, then one per tensor.
    ///
    /// # Errors
    /// What the sink says; [`io::ErrorKind::InvalidInput`] when the header exceeds its limit.
    pub fn write_to(&self, sink: &mut impl Write) -> io::Result<()> {
        let header = self.header().map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        sink.write_all(&header)?;
        for (_, tensor) in self.in_file_order() {
            sink.write_all(tensor.elements.bytes())?;
        }
        Ok(())
    }

    /// The file in memory.
    ///
    /// # Errors
    /// As [`total_bytes`](Self::total_bytes).
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = self.header()?;
        for (_, tensor) in self.in_file_order() {
            bytes.extend_from_slice(tensor.elements.bytes());
        }
        Ok(bytes)
    }

    /// Widest elements first, so that every tensor is aligned without holes; then by name.
    fn in_file_order(&self) -> Vec<(&str, &Tensor<'a>)> {
        let mut order: Vec<_> = self.tensors.iter().map(|(name, t)| (name.as_str(), t)).collect();
        order.sort_by_key(|(_, t)| std::cmp::Reverse(t.dtype.width())); // stable: names stay sorted
        order
    }

    /// Length field and JSON, padded with spaces to the alignment of the tensor area.
    fn header(&self) -> Result<Vec<u8>, Error> {
        let mut json = String::from("{");
        if !self.metadata.is_empty() {
            let entries: Vec<String> =
                self.metadata.iter().map(|(k, v)| format!("{}:{}", quoted(k), quoted(v))).collect();
            json.push_str(&format!("\"{METADATA}\":{{{}}}", entries.join(",")));
        }
        let mut begin = 0;
        for (name, tensor) in self.in_file_order() {
            if json.len() > 1 {
                json.push(',');
            }
            let end = begin + tensor.elements.bytes().len();
            let shape: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
            json.push_str(&format!(
                "{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{begin},{end}]}}",
                quoted(name),
                tensor.dtype,
                shape.join(",")
            ));
            begin = end;
        }
        json.push('}');
        while !(json.len() + 8).is_multiple_of(ALIGNMENT) {
            json.push(' ');
        }
        if json.len() as u64 > MAX_HEADER_BYTES {
            return Err(Error::unwritable(
                "header",
                format!("{} bytes, at most {MAX_HEADER_BYTES} allowed", json.len()),
            ));
        }
        let mut header = (json.len() as u64).to_le_bytes().to_vec();
        header.extend_from_slice(json.as_bytes());
        Ok(header)
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_do_not_depend_on_the_order_of_adding() {
        let (a, b, c) = ([1u8, 2, 3], [1.5f32], [9i64]);
        let mut one = ContainerWriter::new();
        one.add("a", &a, &[3]).unwrap();
        one.add("b", &b, &[1]).unwrap();
        one.add("c", &c, &[1, 1]).unwrap();
        one.metadata("k", "v").unwrap();
        let mut other = ContainerWriter::new();
        other.metadata("k", "v").unwrap();
        other.add("c", &c, &[1, 1]).unwrap();
        other.add_owned("b", b.to_vec(), &[1]).unwrap();
        other.add("a", &a, &[3]).unwrap();
        let bytes = one.to_bytes().unwrap();
        assert_eq!(bytes, other.to_bytes().unwrap());
        assert_eq!(bytes.len() as u64, one.total_bytes().unwrap());
        let mut sink = Vec::new();
        one.write_to(&mut sink).unwrap();
        assert_eq!(sink, bytes);
    }

    #[test]
    fn rules_are_enforced_at_writing() {
        let mut writer = ContainerWriter::new();
        let refused = |r: Result<(), Error>| matches!(r, Err(Error::Unwritable { .. }));
        writer.add("a", &[1u8], &[1]).unwrap();
        assert!(refused(writer.add("a", &[1u8], &[1])));
        assert!(refused(writer.add("", &[1u8], &[1])));
        assert!(refused(writer.add("two words", &[1u8], &[1])));
        assert!(refused(writer.add(METADATA, &[1u8], &[1])));
        assert!(refused(writer.add("b", &[1u8], &[2])));
        assert!(refused(writer.add("b", &[1u8], &[1, 1, 1])));
        assert!(refused(writer.add("b", &[1u8], &[])));
        assert!(refused(writer.add("b", &[1u8], &[usize::MAX, usize::MAX])));
        assert!(refused(writer.add("b", &[f32::NAN], &[1])));
        assert!(refused(writer.add("b", &[f32::NEG_INFINITY], &[1])));
        writer.metadata("k", "v").unwrap();
        assert!(refused(writer.metadata("k", "v")));
        writer.metadata("long", &"x".repeat(MAX_HEADER_BYTES as usize)).unwrap();
        assert!(matches!(writer.to_bytes(), Err(Error::Unwritable { .. })));
        assert!(writer.write_to(&mut Vec::new()).is_err());
    }

    #[test]
    fn negative_zero_is_written_as_zero() {
        let mut writer = ContainerWriter::new();
        writer.add("a", &[-0.0f32, -1.0], &[2]).unwrap();
        let mut plain = ContainerWriter::new();
        plain.add("a", &[0.0f32, -1.0], &[2]).unwrap();
        assert_eq!(writer.to_bytes().unwrap(), plain.to_bytes().unwrap());
    }

    #[test]
    fn the_safetensors_crate_reads_it() {
        let mut writer = ContainerWriter::new();
        writer.add("rows", &[1u32, 2, 3, 4, 5, 6], &[3, 2]).unwrap();
        writer.add("empty", &[0i64; 0], &[0]).unwrap();
        writer.metadata("quote", "\"\\ü").unwrap();
        let bytes = writer.to_bytes().unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let rows = read.tensor("rows").unwrap();
        assert_eq!((rows.dtype(), rows.shape()), (safetensors::Dtype::U32, &[3usize, 2][..]));
        assert_eq!(rows.data(), bytemuck::cast_slice::<u32, u8>(&[1, 2, 3, 4, 5, 6]));
        assert_eq!(read.tensor("empty").unwrap().shape(), [0]);
    }
}
