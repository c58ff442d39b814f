//! Reads FlatBuffers without a schema compiler: tables, strings, vectors and scalars by field number, every offset checked.
//!
//! Source: the FlatBuffers internals page. All numbers are little-endian. A table starts with a signed offset back to its
//! vtable, which holds for each field the offset from the table's start, 0 for an absent field.

use crate::error::{Error, ErrorKind, Result};

/// A table somewhere in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    buffer: &'a [u8],
    position: usize,
    vtable: usize,
    vtable_size: usize,
}

/// A vector of offsets (tables or strings) or of scalars.
#[derive(Clone, Copy)]
pub(super) struct Vector<'a> {
    buffer: &'a [u8],
    start: usize,
    length: usize,
}

impl<'a> Table<'a> {
    /// The root table of a buffer whose file identifier is `identifier`.
    ///
    /// # Errors
    /// `ModelMissing` when the identifier differs or an offset leads outside.
    pub(super) fn root(buffer: &'a [u8], identifier: &[u8; 4]) -> Result<Self> {
        if buffer.get(4..8) != Some(identifier) {
            return Err(damaged("it does not start with the identifier expected"));
        }
        Self::at(buffer, offset_at(buffer, 0)?)
    }

    fn at(buffer: &'a [u8], position: usize) -> Result<Self> {
        let back = i32::from_le_bytes(bytes_at(buffer, position)?);
        let vtable = i64::try_from(position).ok().and_then(|p| usize::try_from(p - i64::from(back)).ok());
        let vtable = vtable.ok_or_else(|| damaged("a table lies before the start"))?;
        let vtable_size = usize::from(u16::from_le_bytes(bytes_at(buffer, vtable)?));
        Ok(Self { buffer, position, vtable, vtable_size })
    }

    /// Where field number `field` lies, unless it is absent.
    fn field(&self, field: usize) -> Result<Option<usize>> {
        let slot = 4 + 2 * field;
        if slot + 2 > self.vtable_size {
            return Ok(None);
        }
        let offset = u16::from_le_bytes(bytes_at(self.buffer, self.vtable + slot)?);
        Ok((offset != 0).then(|| self.position + usize::from(offset)))
    }

    /// The little-endian bytes of a scalar field; zeros, the usual default, when it is absent.
    pub(super) fn scalar<const N: usize>(&self, field: usize) -> Result<[u8; N]> {
        self.field(field)?.map_or(Ok([0; N]), |at| bytes_at(self.buffer, at))
    }

    /// A table field.
    pub(super) fn table(&self, field: usize) -> Result<Option<Self>> {
        self.field(field)?.map(|at| Self::at(self.buffer, at + offset_at(self.buffer, at)?)).transpose()
    }

    /// A string field; empty when absent.
    pub(super) fn string(&self, field: usize) -> Result<String> {
        match self.field(field)? {
            Some(at) => string_at(self.buffer, at),
            None => Ok(String::new()),
        }
    }

    /// A vector field; empty when absent.
    pub(super) fn vector(&self, field: usize) -> Result<Vector<'a>> {
        let Some(at) = self.field(field)? else {
            return Ok(Vector { buffer: self.buffer, start: 0, length: 0 });
        };
        let at = at + offset_at(self.buffer, at)?;
        Ok(Vector { buffer: self.buffer, start: at + 4, length: offset_at(self.buffer, at)? })
    }
}

impl<'a> Vector<'a> {
    /// The tables of a vector of tables.
    pub(super) fn tables(self) -> impl Iterator<Item = Result<Table<'a>>> {
        self.offsets().map(move |at| at.and_then(|at| Table::at(self.buffer, at + offset_at(self.buffer, at)?)))
    }

    /// The strings of a vector of strings.
    pub(super) fn strings(self) -> Result<Vec<String>> {
        self.offsets().map(|at| string_at(self.buffer, at?)).collect()
    }

    /// The scalars of a vector, as little-endian bytes.
    pub(super) fn scalars<const N: usize>(self) -> Result<Vec<[u8; N]>> {
        (0..self.length).map(|i| bytes_at(self.buffer, self.start + N * i)).collect()
    }

    /// The content of a vector of bytes.
    pub(super) fn bytes(self) -> Result<&'a [u8]> {
        let end = self.start.checked_add(self.length);
        end.and_then(|end| self.buffer.get(self.start..end)).ok_or_else(|| damaged("a vector runs past the end"))
    }

    fn offsets(self) -> impl Iterator<Item = Result<usize>> {
        // A length that lies cannot make this run long: the first element past the end is an error.
        (0..self.length).map(move |i| {
            let at = self.start + 4 * i;
            if at < self.buffer.len() { Ok(at) } else { Err(damaged("a vector runs past the end")) }
        })
    }
}

fn string_at(buffer: &[u8], at: usize) -> Result<String> {
    let at = at + offset_at(buffer, at)?;
    let length = offset_at(buffer, at)?;
    let bytes = buffer.get(at + 4..).and_then(|rest| rest.get(..length));
    let bytes = bytes.ok_or_else(|| damaged("a string runs past the end"))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged("a name is not UTF-8"))
}

fn offset_at(buffer: &[u8], at: usize) -> Result<usize> {
    usize::try_from(u32::from_le_bytes(bytes_at(buffer, at)?)).map_err(|_| damaged("an offset is too large"))
}

fn bytes_at<const N: usize>(buffer: &[u8], at: usize) -> Result<[u8; N]> {
    let bytes = buffer.get(at..).and_then(|rest| rest.first_chunk::<N>());
    bytes.copied().ok_or_else(|| damaged("an offset leads past the end"))
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::ModelMissing, format!("the model file to convert is damaged: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root table with fields 0: i32 = 7, 1: "hi", 2: vector of bytes [1, 2, 3], 3: absent.
    fn buffer() -> Vec<u8> {
        let mut b = Vec::new();
        b.extend(20_u32.to_le_bytes()); // 0: root table at 20
        b.extend(b"TEST"); // 4
        b.extend(12_u16.to_le_bytes()); // 8: vtable size
        b.extend(16_u16.to_le_bytes()); // table size
        b.extend(4_u16.to_le_bytes()); // field 0
        b.extend(8_u16.to_le_bytes()); // field 1
        b.extend(12_u16.to_le_bytes()); // field 2
        b.extend(0_u16.to_le_bytes()); // field 3: absent
        b.extend(12_i32.to_le_bytes()); // 20: back to the vtable at 8
        b.extend(7_i32.to_le_bytes()); // 24
        b.extend(8_u32.to_le_bytes()); // 28: string at 36
        b.extend(12_u32.to_le_bytes()); // 32: vector at 44
        b.extend(2_u32.to_le_bytes()); // 36
        b.extend(b"hi\0\0"); // 40
        b.extend(3_u32.to_le_bytes()); // 44
        b.extend([1, 2, 3]); // 48
        b
    }

    #[test]
    fn fields_are_read_by_number() {
        let bytes = buffer();
        let table = Table::root(&bytes, b"TEST").unwrap();
        assert_eq!(i32::from_le_bytes(table.scalar(0).unwrap()), 7);
        assert_eq!(table.string(1).unwrap(), "hi");
        assert_eq!(table.vector(2).unwrap().bytes().unwrap(), [1, 2, 3]);
        assert_eq!(table.vector(2).unwrap().scalars::<1>().unwrap(), [[1], [2], [3]]);
    }

    #[test]
    fn an_absent_field_reads_as_its_default() {
        let bytes = buffer();
        let table = Table::root(&bytes, b"TEST").unwrap();
        for field in [3, 4, 100] {
            assert_eq!(i64::from_le_bytes(table.scalar(field).unwrap()), 0);
            assert_eq!(table.string(field).unwrap(), "");
            assert!(table.table(field).unwrap().is_none());
            assert!(table.vector(field).unwrap().strings().unwrap().is_empty());
        }
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        assert_eq!(Table::root(&buffer(), b"ORTM").err().unwrap().kind(), ErrorKind::ModelMissing);
        assert!(Table::root(&[], b"ORTM").is_err());
    }

    #[test]
    fn no_truncation_and_no_changed_byte_reads_outside_the_buffer() {
        let read_all = |bytes: &[u8]| -> Result<()> {
            let table = Table::root(bytes, b"TEST")?;
            let _ = table.scalar::<8>(0);
            let _ = table.string(1);
            let _ = table.vector(2).and_then(|v| v.bytes().map(<[u8]>::len));
            let _ = table.vector(2).and_then(Vector::strings);
            let _ = table.table(2);
            Ok(())
        };
        let bytes = buffer();
        for end in 0..bytes.len() {
            let _ = read_all(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 127, 128, 255] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = read_all(&changed);
            }
        }
    }
}
