//! A message's headers.

use bytes::Bytes;

use crate::message::{FromBytes, ToBytes};

/// Read access to headers; a key may occur more than once.
pub trait Headers {
    /// The number of headers.
    fn count(&self) -> usize;

    /// The header at `idx`.
    ///
    /// # Panics
    /// If there is none.
    fn get(&self, idx: usize) -> Header<'_, &[u8]> {
        self.try_get(idx)
            .unwrap_or_else(|| out_of_bounds(self.count(), idx))
    }

    /// The header at `idx`, its value converted.
    ///
    /// # Errors
    /// The conversion's.
    ///
    /// # Panics
    /// If there is none.
    fn get_as<V>(&self, idx: usize) -> Result<Header<'_, &V>, V::Error>
    where
        V: FromBytes + ?Sized,
    {
        self.try_get_as(idx)
            .unwrap_or_else(|| out_of_bounds(self.count(), idx))
    }

    /// The header at `idx`, if there is one.
    fn try_get(&self, idx: usize) -> Option<Header<'_, &[u8]>>;

    /// The header at `idx`, if there is one, its value converted.
    fn try_get_as<V>(&self, idx: usize) -> Option<Result<Header<'_, &V>, V::Error>>
    where
        V: FromBytes + ?Sized,
    {
        self.try_get(idx).map(|header| {
            Ok(Header {
                key: header.key,
                value: header.value.map(V::from_bytes).transpose()?,
            })
        })
    }

    /// All headers, in order.
    fn iter(&self) -> HeadersIter<'_, Self>
    where
        Self: Sized,
    {
        HeadersIter {
            headers: self,
            index: 0,
        }
    }
}

fn out_of_bounds(count: usize, index: usize) -> ! {
    panic!("headers index out of bounds: the count is {count} but the index is {index}")
}

/// One header.
#[derive(Debug, Clone, Eq, PartialEq, Ord, PartialOrd)]
pub struct Header<'a, V> {
    /// The key.
    pub key: &'a str,
    /// The value; none is not the same as empty.
    pub value: Option<V>,
}

/// Iterates over headers.
pub struct HeadersIter<'a, H> {
    headers: &'a H,
    index: usize,
}

impl<'a, H> Iterator for HeadersIter<'a, H>
where
    H: Headers,
{
    type Item = Header<'a, &'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.headers.try_get(self.index)?;
        self.index += 1;
        Some(header)
    }
}

/// The headers of a message in the client's memory.
#[derive(Debug, Clone, Default)]
pub struct BorrowedHeaders(pub(crate) Vec<(String, Option<Bytes>)>);

impl BorrowedHeaders {
    /// A copy of one's own.
    pub fn detach(&self) -> OwnedHeaders {
        OwnedHeaders(self.clone())
    }
}

impl Headers for BorrowedHeaders {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn try_get(&self, idx: usize) -> Option<Header<'_, &[u8]>> {
        self.0.get(idx).map(|(key, value)| Header {
            key,
            value: value.as_deref(),
        })
    }
}

/// Headers of one's own.
#[derive(Debug, Clone, Default)]
pub struct OwnedHeaders(BorrowedHeaders);

impl OwnedHeaders {
    /// No headers yet.
    pub fn new() -> OwnedHeaders {
        Self::new_with_capacity(5)
    }

    /// No headers yet, with room for some.
    pub fn new_with_capacity(initial_capacity: usize) -> OwnedHeaders {
        Self(BorrowedHeaders(Vec::with_capacity(initial_capacity)))
    }

    /// Adds a header.
    #[must_use]
    pub fn insert<V>(mut self, header: Header<'_, &V>) -> OwnedHeaders
    where
        V: ToBytes + ?Sized,
    {
        let value = header
            .value
            .map(|value| Bytes::copy_from_slice(value.to_bytes()));
        self.0.0.push((header.key.to_owned(), value));
        self
    }

    /// The same headers as a message shows them.
    pub fn as_borrowed(&self) -> &BorrowedHeaders {
        &self.0
    }
}

impl Headers for OwnedHeaders {
    fn count(&self) -> usize {
        self.0.count()
    }

    fn try_get(&self, idx: usize) -> Option<Header<'_, &[u8]>> {
        self.0.try_get(idx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_order_repeated_keys_and_missing_values() {
        let headers = OwnedHeaders::new()
            .insert(Header {
                key: "k",
                value: Some("one"),
            })
            .insert(Header {
                key: "k",
                value: None::<&str>,
            });
        assert_eq!(headers.count(), 2);
        assert_eq!(
            headers.get_as::<str>(0),
            Ok(Header {
                key: "k",
                value: Some("one")
            })
        );
        assert_eq!(headers.get(1).value, None);
        assert!(headers.try_get(2).is_none());
        assert_eq!(headers.as_borrowed().detach().iter().count(), 2);
    }
}
