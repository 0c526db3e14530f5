//! Where a field stands in a JSON payload, and finding many of them in one pass.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::quarantine::{Cause, Reason};

/// The keys to follow from the payload's object down to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(Vec<String>);

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a path is one or more keys, none of them empty")]
pub struct FieldPathError;

impl FieldPath {
    /// Keys joined by dots: `actor.login`.
    ///
    /// # Errors
    /// If a key is empty.
    pub fn dotted(text: &str) -> Result<Self, FieldPathError> {
        Self::keys(text.split('.').map(str::to_owned))
    }

    /// Keys one by one, for keys that hold a dot themselves.
    ///
    /// # Errors
    /// If there is no key or one is empty.
    pub fn keys(keys: impl IntoIterator<Item = String>) -> Result<Self, FieldPathError> {
        let keys: Vec<String> = keys.into_iter().collect();
        if keys.is_empty() || keys.iter().any(String::is_empty) {
            return Err(FieldPathError);
        }
        Ok(Self(keys))
    }

    /// The keys, from the outermost in.
    #[must_use]
    pub fn as_keys(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// The most fields one extraction can look for.
pub const FIELDS_MAX: usize = 12;

/// The raw JSON text of each field looked for, by its number; `None` where it is absent.
pub type Found<'a> = [Option<&'a str>; FIELDS_MAX];

/// Finds a fixed set of fields in one pass over a payload, without copying.
#[derive(Debug, Clone)]
pub struct Extractor {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    children: Vec<Child>,
}

#[derive(Debug, Clone)]
struct Child {
    key: String,
    fields: Vec<usize>,
    node: Option<usize>,
}

/// One path runs through a value that another one reads whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path `{inner}` runs through `{outer}`, which is read as a value itself")]
pub struct OverlapError {
    /// The longer path.
    pub inner: FieldPath,
    /// The path that it runs through.
    pub outer: FieldPath,
}

impl Extractor {
    /// Looks for `paths`; a field is named by its index in `paths`, and `None` is never found.
    ///
    /// # Errors
    /// If one path is the beginning of another.
    ///
    /// # Panics
    /// If there are more than [`FIELDS_MAX`] paths: processors declare few fields.
    pub fn new(paths: &[Option<FieldPath>]) -> Result<Self, OverlapError> {
        assert!(paths.len() <= FIELDS_MAX, "{} fields", paths.len());
        for inner in paths.iter().flatten() {
            for outer in paths.iter().flatten() {
                if inner.0.len() > outer.0.len() && inner.0.starts_with(&outer.0) {
                    let (inner, outer) = (inner.clone(), outer.clone());
                    return Err(OverlapError { inner, outer });
                }
            }
        }
        let mut extractor = Self {
            nodes: vec![Node::default()],
        };
        for (field, path) in paths.iter().enumerate() {
            if let Some(path) = path {
                extractor.insert(field, &path.0);
            }
        }
        Ok(extractor)
    }

    fn insert(&mut self, field: usize, keys: &[String]) {
        let mut node = 0;
        for (depth, key) in keys.iter().enumerate() {
            let children = &mut self.nodes[node].children;
            let at = children
                .iter()
                .position(|child| child.key == *key)
                .unwrap_or_else(|| {
                    children.push(Child {
                        key: key.clone(),
                        fields: Vec::new(),
                        node: None,
                    });
                    children.len() - 1
                });
            if depth + 1 == keys.len() {
                self.nodes[node].children[at].fields.push(field);
                return;
            }
            node = match self.nodes[node].children[at].node {
                Some(next) => next,
                None => {
                    let next = self.nodes.len();
                    self.nodes.push(Node::default());
                    self.nodes[node].children[at].node = Some(next);
                    next
                }
            };
        }
    }

    /// Reads `payload`, which must be one JSON object and nothing else.
    ///
    /// # Errors
    /// [`Cause::NotJson`] or [`Cause::DuplicateField`].
    pub fn extract<'a>(&self, payload: &'a [u8]) -> Result<Found<'a>, Reason> {
        let text = std::str::from_utf8(payload)
            .map_err(|error| Reason::new(Cause::NotJson, error.to_string()))?;
        let mut found: Found<'a> = [None; FIELDS_MAX];
        let mut twice = None;
        let mut json = serde_json::Deserializer::from_str(text);
        let object = Object {
            extractor: self,
            node: 0,
            found: &mut found,
            twice: &mut twice,
        };
        match object.deserialize(&mut json).and_then(|()| json.end()) {
            Ok(()) => Ok(found),
            Err(error) => Err(match twice {
                Some(key) => Reason::new(Cause::DuplicateField, format!("`{key}` is there twice")),
                None => Reason::new(Cause::NotJson, error.to_string()),
            }),
        }
    }
}

/// Reads one object, filling `found`.
struct Object<'x, 'de> {
    extractor: &'x Extractor,
    node: usize,
    found: &'x mut Found<'de>,
    twice: &'x mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        if self.node == 0 {
            return Err(E::invalid_type(serde::de::Unexpected::Unit, &self));
        }
        // `"actor": null`: the fields below are absent, not malformed.
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let children = &self.extractor.nodes[self.node].children;
        while let Some(at) = map.next_key_seed(Key { children })? {
            let Some(child) = at.map(|at| &children[at]) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if let Some(node) = child.node {
                map.next_value_seed(Object {
                    extractor: self.extractor,
                    node,
                    found: &mut *self.found,
                    twice: &mut *self.twice,
                })?;
                continue;
            }
            let raw: &'de RawValue = map.next_value()?;
            for field in &child.fields {
                if self.found[*field].replace(raw.get()).is_some() {
                    *self.twice = Some(child.key.clone());
                    return Err(A::Error::custom("a field is there twice"));
                }
            }
        }
        Ok(())
    }
}

/// Finds a key among the children, without allocating.
struct Key<'x> {
    children: &'x [Child],
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.children.iter().position(|child| child.key == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn extractor(paths: &[&str]) -> Extractor {
        let paths: Vec<_> = paths
            .iter()
            .map(|path| Some(FieldPath::dotted(path).unwrap()))
            .collect();
        Extractor::new(&paths).unwrap()
    }

    #[test]
    fn nested_fields_are_found_as_raw_text() {
        let extractor = extractor(&["id", "actor.login", "repo.name", "price", "gone.deep"]);
        let found = extractor
            .extract(br#" {"id":"1","actor":{"id":7,"login":"o\"k"},"x":[{"id":2}],"repo":{"name":"a/b"},"price":1.50} "#)
            .unwrap();
        assert_eq!(
            found[..5],
            [
                Some("\"1\""),
                Some(r#""o\"k""#),
                Some("\"a/b\""),
                Some("1.50"),
                None
            ]
        );
    }

    #[test]
    fn null_on_the_way_is_absent_but_another_type_is_malformed() {
        let extractor = extractor(&["actor.login"]);
        assert_eq!(extractor.extract(br#"{"actor":null}"#).unwrap()[0], None);
        let error = extractor.extract(br#"{"actor":"me"}"#).unwrap_err();
        assert_eq!(error.cause, Cause::NotJson);
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        let extractor = extractor(&["id"]);
        for payload in [
            &b""[..],
            b"null",
            b"[]",
            b"7",
            b"\"x\"",
            b"{",
            b"{\"id\":1}}",
            b"{\"id\":1} {}",
            b"{\"id\":\xff}",
            b"{\"id\":1,}",
            b"{id:1}",
        ] {
            let error = extractor.extract(payload).unwrap_err();
            assert_eq!(error.cause, Cause::NotJson, "{payload:?}");
        }
        let error = extractor.extract(b"{\"id\":1,\"id\":2}").unwrap_err();
        assert_eq!(error.cause, Cause::DuplicateField);
    }

    #[test]
    fn a_path_through_a_value_is_refused() {
        let paths = ["actor", "actor.login"].map(|path| Some(FieldPath::dotted(path).unwrap()));
        let error = Extractor::new(&paths).unwrap_err();
        insta::assert_snapshot!(error, @"path `actor.login` runs through `actor`, which is read as a value itself");
    }

    #[test]
    fn two_fields_may_share_a_path() {
        let found = extractor(&["id", "id"]).extract(b"{\"id\":1}").unwrap();
        assert_eq!(found[..2], [Some("1"), Some("1")]);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c\"\\\\é]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The same answer as walking the parsed tree.
        #[test]
        fn agrees_with_the_tree(members in prop::collection::btree_map("[a-c]", values(), 0..4), path in prop::collection::vec("[a-c]", 1..4)) {
            let payload = json!(members);
            let path = FieldPath::keys(path).unwrap();
            let extractor = Extractor::new(&[Some(path.clone())]).unwrap();
            let mut at = Some(&payload);
            let mut malformed = false;
            for key in &path.0 {
                at = match at {
                    Some(Value::Object(map)) => map.get(key),
                    Some(Value::Null) | None => None,
                    Some(_) => { malformed = true; None }
                };
            }
            let text = payload.to_string();
            match extractor.extract(text.as_bytes()) {
                Ok(found) => {
                    prop_assert!(!malformed);
                    let expected = at.map(Value::to_string);
                    prop_assert_eq!(found[0], expected.as_deref());
                }
                Err(_) => prop_assert!(malformed),
            }
        }
    }
}
