//! Finds a field in a JSON payload by its path, such as `actor.login`.

use serde_json::Value;

/// The field's value as text: a text as it is, a number or truth value as JSON writes it. None
/// if it is missing, null, a list or an object.
#[must_use]
pub fn text_at(payload: &Value, path: &str) -> Option<String> {
    match at(payload, path)? {
        Value::String(text) => Some(text.clone()),
        scalar @ (Value::Number(_) | Value::Bool(_)) => Some(scalar.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The field's value.
#[must_use]
pub fn at<'v>(payload: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .try_fold(payload, |value, key| value.get(key))
}

/// The object that holds the field, and the field's own name.
pub(super) fn parent_mut<'v, 'p>(
    payload: &'v mut Value,
    path: &'p str,
) -> Option<(&'v mut serde_json::Map<String, Value>, &'p str)> {
    let (parents, name) = match path.rsplit_once('.') {
        Some((parents, name)) => (Some(parents), name),
        None => (None, path),
    };
    let object = parents
        .into_iter()
        .flat_map(|parents| parents.split('.'))
        .try_fold(payload, |value, key| value.get_mut(key))?
        .as_object_mut()?;
    object.contains_key(name).then_some((object, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_goes_down_objects() {
        let mut payload = json!({"id": 7, "actor": {"login": "ann"}, "tags": ["x"]});
        assert_eq!(text_at(&payload, "id").as_deref(), Some("7"));
        assert_eq!(text_at(&payload, "actor.login").as_deref(), Some("ann"));
        assert_eq!(text_at(&payload, "actor.id"), None);
        assert_eq!(text_at(&payload, "tags"), None);
        let (parent, name) = parent_mut(&mut payload, "actor.login").expect("it is there");
        parent.remove(name);
        assert_eq!(at(&payload, "actor.login"), None);
        assert!(parent_mut(&mut payload, "actor.login").is_none());
    }
}
